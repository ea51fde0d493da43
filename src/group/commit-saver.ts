/**
 * Sees to it that the commit index is durable, so that a member that is opened alone knows how far it had come. It rides along
 * with whatever is written; on its own it is saved when nothing was for a moment, or when somebody waits for it.
 */
import type { Raft } from '../core/raft.ts';

/** Ticks without a write after which the commit index is worth one of its own. */
const restTicks = 4;

export class CommitSaver {
  readonly #raft: Pick<Raft, 'commit' | 'savedCommit' | 'durableCommit' | 'saveCommit'>;
  #ticksSinceWrite = 0;
  #saved: (() => void) | null = null;

  constructor(raft: Pick<Raft, 'commit' | 'savedCommit' | 'durableCommit' | 'saveCommit'>) {
    this.#raft = raft;
  }

  tick(ticks: number): void {
    this.#ticksSinceWrite += ticks;
    if (this.#ticksSinceWrite >= restTicks && this.#raft.savedCommit < this.#raft.commit) this.#raft.saveCommit();
  }

  /** A write goes to the store. */
  writing(): void {
    this.#ticksSinceWrite = 0;
  }

  /** Saves it now; `saved` is called by `tell`, perhaps more than once. */
  save(saved: () => void): void {
    this.#saved = saved;
    this.#raft.saveCommit();
  }

  /** Tells whoever waits for it, if all that is committed would be known to be after a restart. */
  tell(): void {
    if (this.#raft.durableCommit >= this.#raft.commit) this.#saved?.();
  }
}
