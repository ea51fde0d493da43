import type { GroupStatus, NodeId } from 'flotilla';
import { type ReactElement, useEffect, useMemo, useState } from 'react';
import { CommandLine } from './command-line.tsx';
import { LogTable } from './log-table.tsx';
import { MemberCard } from './member-card.tsx';
import { nameMembers } from './names.ts';
import { type DemoGroup, demoSession, founders } from './session.ts';
import { useGroup } from './use-group.ts';

export function GroupPage({ group }: { readonly group: DemoGroup }): ReactElement {
  const { state, status, log } = useGroup(group);
  const members = status.member?.members ?? [];
  const ids = members.map(({ id }) => id).join(' ');
  const names = useMemo(() => nameMembers(ids.split(' ') as NodeId[]), [ids]);
  useTitle(status, names.get(group.memberId));

  return (
    <>
      <Toolbar group={group} status={status} />
      {status.stopped !== null && (
        <p role="alert" className="card error">
          This member has stopped. {status.stopped.message}
        </p>
      )}
      {status.phase === 'founding' ? (
        <Founding status={status} />
      ) : status.phase === 'joining' ? (
        <p className="card start">Waiting for the leader of the group to let this tab in as a learner.</p>
      ) : (
        <>
          {status.phase === 'running' && status.noLeader !== null && (
            <p className="quiet">No leader: {withNames(status.noLeader, names)}.</p>
          )}
          <section aria-label="Members" className="members">
            {members.map((member) => (
              <MemberCard key={member.id} member={member} name={names.get(member.id) ?? member.id} names={names} />
            ))}
          </section>
          <div className="columns">
            <section className="card" aria-labelledby="state-title">
              <h2 id="state-title">State</h2>
              <CommandLine group={group} isStopped={status.stopped !== null} />
              <StateTable state={state} />
            </section>
            <section className="card" aria-labelledby="log-title">
              <h2 id="log-title">Log</h2>
              <LogTable log={log} members={members} names={names} />
            </section>
          </div>
        </>
      )}
    </>
  );
}

/** A sentence about members, with their names in place of their ids. */
function withNames(sentence: string, names: ReadonlyMap<NodeId, string>): string {
  return [...names].reduce((text, [id, name]) => text.replaceAll(id, name), sentence);
}

/** The tab strip tells who leads. */
function useTitle({ member, phase }: GroupStatus, name: string | undefined): void {
  useEffect(() => {
    const mark = { leader: '★', candidate: '◔', 'pre-candidate': '◔', follower: '·' }[member?.role ?? 'follower'];
    document.title = phase === 'running' && name !== undefined ? `${mark} ${name} – Flotilla` : 'Flotilla';
    return () => {
      document.title = 'Flotilla';
    };
  }, [member?.role, phase, name]);
}

function Toolbar({ group, status }: { readonly group: DemoGroup; readonly status: GroupStatus }): ReactElement {
  const [copied, setCopied] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(location.href);
      setCopied('Copied: whoever opens it joins.');
    } catch {
      setCopied('The browser allows no copying here: copy the address of this page instead.');
    }
  };
  return (
    <section className="toolbar" aria-label="Group">
      <p>
        Group <code>{group.id.slice(0, 6)}</code>
        <span className={`chip ${status.signaling === 'connected' ? 'good' : 'warn'}`}>
          signaling {status.signaling}
        </span>
        {status.member !== null && (
          <>
            <span className={`chip ${status.quorum.reached ? 'good' : 'warn'}`}>
              {status.quorum.reached ? 'quorum' : 'no quorum'}
            </span>
            <span className={`chip ${status.durability === 'strict' ? 'good' : 'plain'}`}>
              durability {status.durability}
            </span>
          </>
        )}
      </p>
      <div className="buttons">
        <button onClick={() => window.open(location.href, '_blank')}>Open another tab</button>
        <button onClick={() => void copy()}>Copy invite</button>
        <button onClick={() => void demoSession.leave(group)}>Leave</button>
      </div>
      <p role="status" className="quiet">
        {copied}
      </p>
    </section>
  );
}

function Founding({ status }: { readonly status: GroupStatus }): ReactElement {
  const here = status.missing === null ? null : founders - status.missing;
  return (
    <section className="card start">
      <h2>Waiting for the founding members</h2>
      {here === null ? (
        <p>Connecting to the tab that created this group. It must be open until {founders} are there.</p>
      ) : (
        <>
          <p>
            <strong>
              {here} of {founders}
            </strong>{' '}
            are here. The group is founded when all are.
          </p>
          <progress max={founders} value={here} aria-label="Founding members here" />
          <p>
            <button className="primary" onClick={() => window.open(location.href, '_blank')} autoFocus>
              Open another tab
            </button>
          </p>
          <p className="quiet">Or give somebody the address of this page: it is the invite.</p>
        </>
      )}
    </section>
  );
}

function StateTable({ state }: { readonly state: Readonly<Record<string, string | number>> }): ReactElement {
  const rows = Object.entries(state);
  if (rows.length === 0) return <p className="quiet">Nothing is set yet. Try one of the commands above.</p>;
  return (
    <table className="state">
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([key, value]) => (
          <tr key={key}>
            <td>{key}</td>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
