/**
 * Following committed commands one by one. Nothing is queued for whoever follows: each step asks the member for the next
 * command behind the last one, so nothing is lost or given twice, and who is too slow is told so.
 */
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { CommittedCommand } from '../machine/replicated.ts';
import { throwIfAborted } from './abort.ts';
import type { Conditions } from './conditions.ts';
import type { GroupMember } from './group-member.ts';

export interface CommandsOptions {
  /** The index to begin with; left out, what is applied from now on. */
  readonly from?: Index;
  /** Ends the iteration with ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface FollowingInit<Command, Result> {
  readonly member: () => Pick<GroupMember<unknown, Command, Result>, 'committed' | 'appliedIndex' | 'refusal'>;
  readonly conditions: Conditions;
}

/** @throws RaftError INVALID_ARGUMENT */
export function followCommands<Command, Result>(
  { member, conditions }: FollowingInit<Command, Result>,
  { from = member().appliedIndex + 1, signal }: CommandsOptions,
): AsyncIterableIterator<CommittedCommand<Command, Result>> {
  if (!Number.isSafeInteger(from) || from < 1) {
    throw new RaftError('INVALID_ARGUMENT', `commands begin with an index of at least 1, not ${from}`);
  }
  let isEnded = false;
  let endWaiting = (): void => undefined;
  const commands = follow();
  return {
    next: () => commands.next(),
    /** Ends also a step that waits for the next command. */
    return() {
      isEnded = true;
      endWaiting();
      return commands.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  async function* follow(): AsyncGenerator<CommittedCommand<Command, Result>, void> {
    let next = from;
    while (!isEnded) {
      throwIfAborted(signal);
      const command = member().committed(next);
      if (command !== null) {
        next = command.index + 1;
        yield command;
        continue;
      }
      // What is applied up to here holds no more commands for us.
      next = Math.max(next, member().appliedIndex + 1);
      const refusal = await untilApplied(next);
      if (refusal?.code === 'CLOSED') return;
      if (refusal !== null) throw refusal;
    }
  }

  /** Gives null once an index is applied, or nobody waits any more; else why it never will be. */
  function untilApplied(index: Index): Promise<RaftError | null> {
    return new Promise((resolve) => {
      const end = (refusal: RaftError | null): void => {
        signal?.removeEventListener('abort', endWaiting);
        resolve(refusal);
      };
      const forget = conditions.when(() => member().appliedIndex >= index, end);
      endWaiting = () => {
        forget();
        end(null);
      };
      signal?.addEventListener('abort', endWaiting);
    });
  }
}
