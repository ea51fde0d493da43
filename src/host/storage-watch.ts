/** How much of the browser's storage is used, as it was when it was last asked: asking takes a while. */
import type { Clock } from '../group/clock.ts';
import type { StorageUse } from '../storage/browser-quota.ts';

const askEveryMs = 30_000;

export class StorageWatch {
  readonly #ask: () => Promise<StorageUse | null>;
  readonly #changed: () => void;
  readonly #stop: () => void;
  #latest: StorageUse | null = null;

  /** @param changed called when the latest answer is another one */
  constructor(ask: () => Promise<StorageUse | null>, clock: Clock, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
    this.#stop = clock.every(askEveryMs, () => {
      this.#look();
    });
    this.#look();
  }

  /** Null before the first answer, and where nobody can say. */
  get latest(): StorageUse | null {
    return this.#latest;
  }

  #look(): void {
    this.#ask().then(
      (use) => {
        const isNews = use?.usage !== this.#latest?.usage || use?.quota !== this.#latest?.quota;
        this.#latest = use;
        if (isNews) this.#changed();
      },
      () => {
        // What cannot be asked at the moment stays as it was.
      },
    );
  }

  close(): void {
    this.#stop();
  }
}
