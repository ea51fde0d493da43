/**
 * What a page holds as long as it lives: its slot, if it has one. The page may be left, and the lock taken away, at any
 * time, also while the database is still being opened.
 */
import { RaftError } from '../errors.ts';
import { type Slot, takeSlot } from './slots.ts';

export class PageHold {
  #slot: Slot | null = null;
  #end: RaftError | null = null;
  #ended: ((reason: RaftError) => void) | null = null;

  private constructor() {
    addEventListener('pagehide', this.#onPageHide);
  }

  /**
   * Takes a slot for this page, unless it is to store nothing.
   * @throws RaftError NOT_SUPPORTED, STORAGE_IN_USE
   */
  static async take(needsSlot: boolean): Promise<PageHold> {
    const hold = new PageHold();
    if (!needsSlot) return hold;
    try {
      const slot = await takeSlot(() => {
        hold.#over(new RaftError('STORAGE_IN_USE', 'the lock of this storage was taken away; another tab may have it'));
      });
      hold.#slot = slot;
      if (hold.#end !== null) slot.release();
      return hold;
    } catch (error) {
      hold.release();
      throw error;
    }
  }

  /** The name of the database; null for a page without one. */
  get database(): string | null {
    return this.#slot?.database ?? null;
  }

  /** Calls when the page is left or the lock is lost; at once if that has happened. Every later call takes the place. */
  whenEnded(ended: (reason: RaftError) => void): void {
    this.#ended = ended;
    if (this.#end !== null) ended(this.#end);
  }

  readonly #onPageHide = (): void => {
    // Links that are closed now are noticed in milliseconds, by themselves in 5 to 15 s; and a page that is kept in the
    // back-forward cache must not keep the lock: whoever waits for it would wait until that page is thrown away.
    this.#over(new RaftError('CLOSED', 'the page was left: load it again to go on'));
    this.#slot?.release();
  };

  #over(reason: RaftError): void {
    if (this.#end !== null) return;
    this.#end = reason;
    this.#ended?.(reason);
  }

  /** Lets other tabs have the slot. */
  release(): void {
    removeEventListener('pagehide', this.#onPageHide);
    this.#slot?.release();
  }
}
