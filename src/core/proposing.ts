/** How commands come into the log of a leader: all of a call or none, within the limit on uncommitted bytes (R18). */
import type { Replica } from './replica.ts';
import { appendAsLeader } from './roles.ts';
import { type Entry, entryBytes, type Index, type Term } from './types.ts';

/** Why a command was not appended. It is certainly not done. */
export type ProposeRefusal =
  | 'not-leader'
  /** Leadership is being handed over (T2). */
  | 'transferring'
  /** `maxUncommittedBytes` are waiting to be committed. */
  | 'too-much-uncommitted';

/** What became of a proposal at once. Accepted means appended to the leader's log, not committed. */
export type ProposeResult =
  | { readonly accepted: true; readonly term: Term; readonly firstIndex: Index; readonly lastIndex: Index }
  | { readonly accepted: false; readonly reason: ProposeRefusal };

export function propose(replica: Replica, commands: Uint8Array | readonly Uint8Array[]): ProposeResult {
  const { role, log, term, rules } = replica;
  if (role.name !== 'leader') return { accepted: false, reason: 'not-leader' };
  if (role.transfer !== null || role.leavingTicks !== null) return { accepted: false, reason: 'transferring' };
  const firstIndex = log.lastIndex + 1;
  const entries: Entry[] =
    commands instanceof Uint8Array
      ? [{ index: firstIndex, term, kind: 'command', data: commands }]
      : commands.map((data, i) => ({ index: firstIndex + i, term, kind: 'command', data }));
  let added = 0;
  for (const entry of entries) added += entryBytes(entry);
  const limit = replica.options.maxUncommittedBytes;
  if (!rules.mayGrowUncommitted({ outstanding: role.uncommittedBytes, added, limit })) {
    return { accepted: false, reason: 'too-much-uncommitted' };
  }
  role.uncommittedBytes += added;
  appendAsLeader(replica, role, entries);
  return { accepted: true, term, firstIndex, lastIndex: log.lastIndex };
}
