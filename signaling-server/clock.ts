/** Time, as far as the broker's own limits go by it. Tests bring their own. */

export interface Clock {
  /** Milliseconds since some moment. Never goes back. */
  now(): number;
  /** Calls back again and again. Gives what stops it. */
  every(ms: number, act: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every(ms, act) {
    const timer = setInterval(act, ms);
    return () => {
      clearInterval(timer);
    };
  },
};
