/** How often something took how long: counts in fixed buckets, so that keeping them costs nothing but numbers. */

/** The upper ends of the buckets, in milliseconds; there is one more for what took longer. */
const bounds: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** As plain data. Times are in milliseconds. */
export interface HistogramReading {
  /** The upper ends of the buckets, which belong to them. */
  readonly bounds: readonly number[];
  /** How many fell into each bucket, and at last how many were above all of them. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export class Histogram {
  readonly #counts: number[] = new Array<number>(bounds.length + 1).fill(0);
  #sum = 0;
  #count = 0;

  /** @param ms not below 0 */
  observe(ms: number): void {
    let i = 0;
    while (ms > (bounds[i] ?? Infinity)) i++;
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sum += ms;
    this.#count++;
  }

  read(): HistogramReading {
    return { bounds, counts: [...this.#counts], sum: this.#sum, count: this.#count };
  }
}
