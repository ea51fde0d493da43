/**
 * Reads as an application sees them. What is read is looked at in the very moment in which the member says that its state
 * is the answer, so a value and the index that it comes with belong together.
 */
import type { ReadConsistency } from '../core/reading.ts';
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { throwIfAborted } from './abort.ts';
import type { CallOptions, Calls, GivenUp } from './calls.ts';
import type { Conditions } from './conditions.ts';
import type { GroupMember } from './group-member.ts';

export interface ReadOptions extends CallOptions {
  /**
   * How fresh the answer is:
   *
   * - `linearizable`, the default: it reflects everything that was committed anywhere before the call. Costs the leader a
   *   round trip to a majority, and a follower one to the leader before; needs a majority. No disk is written to.
   * - `lease`: the same, if clocks run alike. A leader in a group with `leaseReads` answers at once; everybody else, and
   *   every leader that is not sure of its lease, reads `linearizable`.
   * - `local`: what this tab has applied, at once, also without any other. It may lag behind, by how much nobody knows, but
   *   does not go back while the tab lives.
   */
  readonly consistency?: ReadConsistency | 'local';
}

/** What was read. */
export interface ReadResult<Value> {
  readonly value: Value;
  /** The value reflects the log up to this index, and nothing behind it. */
  readonly index: Index;
}

export interface ReadingInit<State> {
  readonly member: () => Pick<
    GroupMember<State, never, unknown>,
    'isFounded' | 'refusal' | 'state' | 'appliedIndex' | 'read'
  >;
  readonly calls: Calls;
  readonly conditions: Conditions;
}

const consistencies: readonly string[] = ['linearizable', 'lease', 'local'];

export class Reading<State> {
  readonly #init: ReadingInit<State>;

  constructor(init: ReadingInit<State>) {
    this.#init = init;
  }

  async read<Value>(
    selector: (state: State) => Value,
    { consistency = 'linearizable', ...options }: ReadOptions,
  ): Promise<ReadResult<Value>> {
    if (!consistencies.includes(consistency)) {
      throw new RaftError(
        'INVALID_ARGUMENT',
        `consistency must be one of ${consistencies.join(', ')}, not ${consistency}`,
      );
    }
    const { member, conditions } = this.#init;
    const look = (): ReadResult<Value> => ({ value: selector(member().state), index: member().appliedIndex });
    if (consistency === 'local') {
      throwIfAborted(options.signal);
      const { refusal } = member();
      if (refusal !== null) throw refusal;
      return look();
    }
    return this.#wait(options, (done, failed) => {
      let giveUp: (error: RaftError) => void = () => undefined;
      const isFounded = (): boolean => member().isFounded;
      const forget = conditions.when(isFounded, (error) => {
        if (error === null) giveUp = this.#ask(consistency, look, done, failed);
        else failed(error);
      });
      return (error) => {
        forget();
        giveUp(error);
      };
    });
  }

  /** Resolves with an index behind which this member's state is not, once it has come so far. */
  async waitFor(index: Index, options: CallOptions): Promise<Index> {
    if (!Number.isSafeInteger(index) || index < 0) {
      throw new RaftError('INVALID_ARGUMENT', `an index is a whole number, and not ${index}`);
    }
    const { member, conditions } = this.#init;
    return this.#wait(options, (done, failed) =>
      conditions.when(
        () => member().appliedIndex >= index,
        (error) => {
          if (error === null) done(member().appliedIndex);
          else failed(error);
        },
      ),
    );
  }

  /** Whatever the reader throws is the reader's own affair, and no business of the member's. */
  #ask<Value>(
    consistency: ReadConsistency,
    look: () => Value,
    done: (value: Value) => void,
    failed: (error: Error) => void,
  ): (error: RaftError) => void {
    try {
      return this.#init.member().read(consistency, (outcome) => {
        try {
          if (outcome.kind === 'ready') done(look());
          else failed(outcome.error);
        } catch (error) {
          failed(error as Error);
        }
      });
    } catch (error) {
      failed(error as Error);
      return () => undefined;
    }
  }

  /**
   * Waits for something that has no effect, so whatever goes wrong is certainly not done.
   * @param begin gives what ends it when nobody waits any more
   */
  #wait<Value>(
    options: CallOptions,
    begin: (done: (value: Value) => void, failed: (error: Error) => void) => (error: RaftError) => void,
  ): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      const giveUp = ({ code, reason, cause }: GivenUp): void => {
        const error = new RaftError(code, reason, { cause });
        end(error);
        reject(error);
      };
      const ended = this.#init.calls.watch(options, giveUp);
      let end: (error: RaftError) => void = () => undefined;
      end = begin(
        (value) => {
          ended();
          resolve(value);
        },
        (error) => {
          ended();
          reject(error);
        },
      );
    });
  }
}
