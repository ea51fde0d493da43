/** Whether, and how much of, what is proposed here survives this run of its member. */
import { RaftError } from '../errors.ts';
import { defaultProposalLimits, type ProposalLimits } from '../group/proposal-limits.ts';

/** Bounds of the outbox, which are those of all commands without an outcome then. */
export type OutboxLimits = Pick<ProposalLimits, 'maxPending' | 'maxPendingBytes'>;

export type OutboxOption =
  | boolean
  | {
      /** Commands without an outcome, at the most: who proposes more gets BUSY. 10,000 if you do not say. */
      readonly maxCommands?: number;
      /** And bytes of them, though one command always has room. 16 MiB if you do not say. */
      readonly maxBytes?: number;
    };

/**
 * Null when nothing is to be kept.
 * @throws RaftError INVALID_ARGUMENT
 */
export function outboxLimits(option: OutboxOption | undefined = false): OutboxLimits | null {
  if (option === false) return null;
  const given: unknown = option;
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw new RaftError('INVALID_ARGUMENT', `outbox must be true, false or its bounds, not ${String(given)}`);
  }
  const { maxPending, maxPendingBytes } = defaultProposalLimits;
  const { maxCommands = maxPending, maxBytes = maxPendingBytes } = option === true ? {} : option;
  for (const [name, value] of Object.entries({ maxCommands, maxBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RaftError('INVALID_ARGUMENT', `outbox.${name} must be a whole number of at least 1, not ${value}`);
    }
  }
  return { maxPending: maxCommands, maxPendingBytes: maxBytes };
}
