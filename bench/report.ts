/** What all benchmarks print: a line of JSON for each figure, or a line that a person can read. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How many measurements it was made from. */
  readonly n: number;
  /** The same of the least that does it, measured in the same run. */
  readonly floor?: number;
}

/** Rounded to four significant digits: more would claim more than these machines can tell. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function print({ name, value, unit, n, floor }: Figure, asJson: boolean): void {
  const beside = floor === undefined ? {} : { floor: round(floor), ratio: round(value / floor) };
  if (asJson) console.log(JSON.stringify({ name, value: round(value), unit, n, ...beside }));
  else {
    const than = floor === undefined ? '' : `, floor ${round(floor)}`;
    console.log(`${name.padEnd(32)} ${String(round(value)).padStart(10)} ${unit}  (n = ${n}${than})`);
  }
}

/** The value below which a share of the samples lies, by the nearest rank. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Progress for people, on a terminal only. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
