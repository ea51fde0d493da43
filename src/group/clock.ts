/** Time as a member sees it, and the only way for it to do something later. */
export interface Clock {
  /** Milliseconds from an arbitrary start, never going back. */
  now(): number;
  /** Milliseconds since 1970, as far as the machine knows. */
  wallTime(): number;
  /** Calls back about every so many milliseconds, until the function that it returns is called. */
  every(milliseconds: number, callback: () => void): () => void;
  /** Calls back once the present event is dealt with, before the next one. */
  defer(callback: () => void): void;
  /** Calls back in an event of its own, behind those that wait already. Perhaps never, once the clock is closed. */
  later(callback: () => void): void;
}
