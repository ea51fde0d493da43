/** How much of the browser's storage is used, as it was when it was last asked: asking takes a while. */
import type { Clock } from '../group/clock.ts';
import type { StorageUse } from '../storage/browser-quota.ts';

const askEveryMs = 30_000;

export class StorageWatch {
  readonly #ask: () => Promise<StorageUse | null>;
  readonly #stop: () => void;
  #latest: StorageUse | null = null;

  constructor(ask: () => Promise<StorageUse | null>, clock: Clock) {
    this.#ask = ask;
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
        this.#latest = use;
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
