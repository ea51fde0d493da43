/** How many commands may wait for their outcome in one member. */
import { RaftError } from '../errors.ts';

export interface ProposalLimits {
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  readonly maxCommandBytes: number;
}

export const defaultProposalLimits: ProposalLimits = {
  maxPending: 10_000,
  maxPendingBytes: 16 * 1024 * 1024,
  maxCommandBytes: 1024 * 1024,
};

/**
 * Whether there is room for one more; one alone always has it.
 * @param size bytes of its call
 * @param pending those that wait, and their bytes
 * @throws RaftError TOO_LARGE, BUSY
 */
export function checkRoom(
  { maxPending, maxPendingBytes, maxCommandBytes }: ProposalLimits,
  size: number,
  pending: { readonly length: number; readonly bytes: number },
): void {
  if (size > maxCommandBytes) {
    const message = `the command has ${size} bytes, more than ${maxCommandBytes}: propose less at once`;
    throw new RaftError('TOO_LARGE', message);
  }
  const { length, bytes } = pending;
  if (length >= maxPending || (length > 0 && bytes + size > maxPendingBytes)) {
    throw new RaftError('BUSY', `${length} commands wait already: propose again when some have ended`);
  }
}
