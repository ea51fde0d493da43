/**
 * Web Locks within one process, for what tabs do with them: Node 20 has none. Granted in the order of asking, exclusive or
 * shared, given up through signals. The locks of a browser are in e2e/tabs.spec.ts and e2e/rooms.spec.ts.
 */

interface Request {
  readonly name: string;
  readonly mode: LockMode;
  readonly grant: () => void;
}

export class ProcessLocks implements LockManager {
  readonly #held = new Set<Request>();
  #queue: Request[] = [];
  #isPaused = false;

  request<T>(name: string, callback: LockGrantedCallback<T>): Promise<Awaited<T>>;
  request<T>(name: string, options: LockOptions, callback: LockGrantedCallback<T>): Promise<Awaited<T>>;
  request<T>(
    name: string,
    ...rest: [LockGrantedCallback<T>] | [LockOptions, LockGrantedCallback<T>]
  ): Promise<Awaited<T>> {
    const [{ mode = 'exclusive', signal }, callback] = rest.length === 1 ? [{} as LockOptions, rest[0]] : rest;
    return new Promise((resolve, reject) => {
      const request: Request = {
        name,
        mode,
        grant: () => {
          const release = (): void => {
            this.#held.delete(request);
            this.#grant();
          };
          void Promise.resolve(callback({ name, mode })).then((value) => {
            release();
            resolve(value);
          });
        },
      };
      signal?.addEventListener('abort', () => {
        if (!this.#queue.includes(request)) return;
        this.#queue = this.#queue.filter((other) => other !== request);
        reject(new DOMException('given up', 'AbortError'));
        this.#grant();
      });
      this.#queue.push(request);
      queueMicrotask(() => {
        this.#grant();
      });
    });
  }

  query(): Promise<LockManagerSnapshot> {
    const show = ({ name, mode }: Request): LockInfo => ({ name, mode });
    return Promise.resolve({ held: [...this.#held].map(show), pending: this.#queue.map(show) });
  }

  /** Grants nothing until it is told to go on. */
  pause(): void {
    this.#isPaused = true;
  }

  goOn(): void {
    this.#isPaused = false;
    this.#grant();
  }

  #grant(): void {
    if (this.#isPaused) return;
    const waiting = new Set<string>();
    for (const request of [...this.#queue]) {
      const { name, mode } = request;
      const holders = [...this.#held].filter((held) => held.name === name);
      const isFree = holders.every((held) => held.mode === 'shared' && mode === 'shared');
      if (!isFree || waiting.has(name)) {
        waiting.add(name);
        continue;
      }
      this.#queue = this.#queue.filter((other) => other !== request);
      this.#held.add(request);
      request.grant();
    }
  }
}
