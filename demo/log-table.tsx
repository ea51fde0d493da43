import type { LogEntry, NodeId, PeerStatus } from 'flotilla';
import type { ReactElement } from 'react';
import { type Command, printCommand } from './machine.ts';

interface LogTableProps {
  readonly log: readonly LogEntry<Command>[];
  readonly members: readonly PeerStatus[];
  readonly names: ReadonlyMap<NodeId, string>;
}

/** The end of this member's log, newest first, and how far each member has come with it. */
export function LogTable({ log, members, names }: LogTableProps): ReactElement {
  if (log.length === 0) return <p className="quiet">Empty until a leader is elected.</p>;
  return (
    <table className="log">
      <thead>
        <tr>
          <th scope="col">Index</th>
          <th scope="col">Term</th>
          <th scope="col">Command</th>
          {members.map(({ id }) => (
            <th key={id} scope="col" className="holder" title={names.get(id)}>
              <abbr title={names.get(id)}>{names.get(id)?.slice(0, 3)}</abbr>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {log.toReversed().map((entry) => (
          <tr key={entry.index} className={entry.committed ? 'committed' : 'open'}>
            <td>{entry.index}</td>
            <td>
              <span className={`term term-${entry.term % 6}`}>{entry.term}</span>
            </td>
            <td className="command">
              {entry.command === null ? <em>a leader’s first entry</em> : printCommand(entry.command)}
            </td>
            {members.map((member) => (
              <Holder key={member.id} member={member} index={entry.index} />
            ))}
          </tr>
        ))}
      </tbody>
      <caption>
        <span className="mark applied" /> applied <span className="mark committed" /> committed{' '}
        <span className="mark held" /> in the log <span className="mark missing" /> not there
      </caption>
    </table>
  );
}

function Holder({ member, index }: { readonly member: PeerStatus; readonly index: number }): ReactElement {
  const { report } = member;
  const mark =
    report === null || report.lastIndex < index
      ? 'missing'
      : report.applied >= index
        ? 'applied'
        : report.commit >= index
          ? 'committed'
          : 'held';
  const words = { missing: 'not there', held: 'in the log', committed: 'committed', applied: 'applied' }[mark];
  return (
    <td className="holder">
      <span className={`mark ${mark}`} role="img" aria-label={words} />
    </td>
  );
}
