/** Makes entries of a log, as a leader makes them. */
import type { Entry, NodeId } from '../../src/core/types.ts';
import { encodeEnvelope, type SessionId } from '../../src/machine/envelope.ts';
import type { MachineDefinition } from '../../src/machine/machine.ts';
import { encodeCommand } from '../../src/machine/replicated.ts';

export const alice = 'alice' as NodeId;

export interface Place {
  readonly index: number;
  /** That of the index, if it is left out: the log is that of one session. */
  readonly sequence?: number;
  readonly session?: SessionId;
  readonly proposer?: NodeId;
  /** A second for each index, if it is left out. */
  readonly time?: number;
  readonly known?: number;
}

export function callEntry(
  call: Uint8Array,
  { index, sequence = index, session = 'one' as SessionId, proposer = alice, time = index * 1000, known = 0 }: Place,
): Entry {
  const data = encodeEnvelope({ time, proposer, session, sequence, known, call });
  return { index, term: 1, kind: 'command', data };
}

export function commandEntry(
  machine: MachineDefinition<unknown, unknown, unknown>,
  command: unknown,
  place: Place,
): Entry {
  return callEntry(encodeCommand(machine, command), place);
}
