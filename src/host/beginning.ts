/**
 * The beginning of this host's member: what it starts from is made durable, once, before it says anything; what others say to
 * it meanwhile is kept.
 */
import { emptyState } from '../core/raft.ts';
import type { NodeId, PersistentState } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { MemberMessage } from '../transport/messages.ts';

const maxEarlyMessages = 1000;

export class Beginning {
  readonly #storage: Pick<Storage, 'write'>;
  #isOnItsWay = false;
  /** Others may be faster, and ask for our vote already. */
  readonly #early: MemberMessage[] = [];

  constructor(storage: Pick<Storage, 'write'>) {
    this.#storage = storage;
  }

  /**
   * Has no effect while another one is on its way.
   * @param founders the founding members; with none, the member starts from nothing
   * @param done called with what it starts from, or with why that could not be stored
   */
  begin(founders: readonly NodeId[], done: (result: PersistentState | RaftError) => void): void {
    if (this.#isOnItsWay) return;
    this.#isOnItsWay = true;
    const state = emptyState(founders);
    this.#storage.write({ start: state.start, hardState: null, truncateFrom: null, entries: [] }, (error) => {
      this.#isOnItsWay = false;
      done(error ?? state);
    });
  }

  /** There is no member to take it yet. */
  received(message: MemberMessage): void {
    if (this.#isOnItsWay && this.#early.length < maxEarlyMessages) this.#early.push(message);
  }

  /** What has come for the member, in order, once. */
  takeEarly(): readonly MemberMessage[] {
    return this.#early.splice(0);
  }
}
