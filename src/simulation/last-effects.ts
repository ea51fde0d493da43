/** The effects (messages and writes) that leave a process before it dies in the middle of an event, or after it. */
import type { Storage } from '../storage/storage.ts';

export class LastEffects {
  /** Null while it is not dying. */
  #left: number | null = null;

  /** It is to die after so many more. */
  limit(effects: number): void {
    this.#left = effects;
  }

  /** It is not to die after all. */
  spare(): void {
    this.#left = null;
  }

  /** There are none left: it dies at the end of the event. */
  get areOver(): boolean {
    return this.#left === 0;
  }

  /** Whether the next effect still leaves the process. */
  leaves(): boolean {
    if (this.#left === null) return true;
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  /** The same store, which nothing reaches that does not leave the process. */
  guarded(storage: Storage): Storage {
    return {
      durability: storage.durability,
      outbox: storage.outbox,
      load: (done) => {
        storage.load(done);
      },
      write: (batch, done) => {
        if (this.leaves()) storage.write(batch, done);
      },
      stage: (part, done) => {
        if (this.leaves()) storage.stage(part, done);
      },
      keep: (change, done) => {
        if (this.leaves()) storage.keep(change, done);
      },
      readSnapshot: (snapshot, offset, length, done) => {
        storage.readSnapshot(snapshot, offset, length, done);
      },
      close: () => {
        storage.close();
      },
    };
  }
}
