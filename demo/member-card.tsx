import type { NodeId, PeerStatus } from 'flotilla';
import type { ReactElement } from 'react';

interface MemberCardProps {
  readonly member: PeerStatus;
  readonly name: string;
  readonly names: ReadonlyMap<NodeId, string>;
}

const roleWords = {
  leader: 'Leader',
  follower: 'Follower',
  candidate: 'Candidate',
  'pre-candidate': 'Pre-candidate',
} as const;

/** Members that do not vote, and so never lead. */
const kindWords = { learner: 'Learner', reader: 'Reader', witness: 'Witness', voter: null } as const;

export function MemberCard({ member, name, names }: MemberCardProps): ReactElement {
  const { report, connected, isSelf } = member;
  const role = connected ? (report?.role ?? null) : null;
  return (
    <article className={`card member ${role ?? 'absent'}`} data-member={member.id} data-role={role ?? 'absent'}>
      <h2>
        {name}
        {isSelf && <span className="chip plain">this tab</span>}
      </h2>
      <p className="role">{role === null ? 'Not connected' : (kindWords[member.kind] ?? roleWords[role])}</p>
      <dl>
        <Figure name="Term" value={report?.term} />
        <Figure name="Commit" value={report?.commit} />
        <Figure name="Applied" value={report?.applied} />
        <Figure name="Log" value={report?.lastIndex} />
      </dl>
      <p className="quiet">{connection(member, names)}</p>
    </article>
  );
}

function connection({ report, connected, isSelf }: PeerStatus, names: ReadonlyMap<NodeId, string>): string {
  if (!connected) return report === null ? 'Not seen yet' : 'Gone; the figures are the last that it told';
  const leader = report?.leader ?? null;
  const follows =
    report?.role === 'follower' ? `Follows ${leader === null ? 'nobody' : (names.get(leader) ?? '?')}` : '';
  const link = isSelf ? '' : 'Connected';
  return [link, follows].filter((part) => part !== '').join(' · ') || ' ';
}

function Figure({ name, value }: { readonly name: string; readonly value: number | undefined }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value ?? '–'}</dd>
    </div>
  );
}
