/**
 * Time for a tab. Timers of a hidden page run once a second, later once a minute; those of a dedicated worker keep their
 * pace, so the worker says when, and the page does what is to be done.
 */
import type { Clock } from '../group/clock.ts';

/** Runs in the worker: makes and ends timers, by number. */
const workerSource = `
  const timers = new Map();
  onmessage = ({ data: [id, milliseconds] }) => {
    if (milliseconds > 0) timers.set(id, setInterval(() => postMessage(id), milliseconds));
    else clearInterval(timers.get(id));
  };
`;

interface Ticking {
  readonly milliseconds: number;
  readonly callback: () => void;
  /** Set when the page's own timers have to do. */
  timer?: ReturnType<typeof setInterval>;
}

export class WorkerClock implements Clock {
  #worker: Worker | null = null;
  #last = 0;
  readonly #ticking = new Map<number, Ticking>();
  /** Messages to ourselves: unlike timers they are neither late nor throttled. */
  readonly #turns = new MessageChannel();
  readonly #later: (() => void)[] = [];

  constructor() {
    this.#turns.port1.onmessage = () => this.#later.shift()?.();
    try {
      const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
      this.#worker = new Worker(url, { name: 'flotilla-clock' });
      URL.revokeObjectURL(url);
      this.#worker.onmessage = ({ data }: MessageEvent<number>) => this.#ticking.get(data)?.callback();
      this.#worker.onerror = () => {
        this.#fallBack();
      };
    } catch {
      this.#fallBack();
    }
  }

  /** Where a content security policy allows no worker from a blob, the page's own timers are better than none. */
  #fallBack(): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const ticking of this.#ticking.values()) ticking.timer = setInterval(ticking.callback, ticking.milliseconds);
  }

  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  every(milliseconds: number, callback: () => void): () => void {
    const id = ++this.#last;
    const ticking: Ticking = { milliseconds, callback };
    this.#ticking.set(id, ticking);
    if (this.#worker === null) ticking.timer = setInterval(callback, milliseconds);
    else this.#worker.postMessage([id, milliseconds]);
    return () => {
      this.#ticking.delete(id);
      clearInterval(ticking.timer);
      this.#worker?.postMessage([id, 0]);
    };
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  later(callback: () => void): void {
    this.#later.push(callback);
    this.#turns.port2.postMessage(null);
  }

  /** Ends all timers. */
  close(): void {
    this.#turns.port1.close();
    this.#worker?.terminate();
    this.#worker = null;
    for (const { timer } of this.#ticking.values()) clearInterval(timer);
    this.#ticking.clear();
  }
}
