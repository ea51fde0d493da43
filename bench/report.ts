/** What all benchmarks print: a line of JSON for each figure, or a line that a person can read. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How many measurements it was made from. */
  readonly n: number;
  /** What the value is compared with: a peer, or the least that is possible, measured in the same run. */
  readonly floor?: number;
  /** Given where it was made from pairs of measurements; the value divided by the floor otherwise. */
  readonly ratio?: number;
}

/** Rounded to four significant digits: more would claim more than these machines can tell. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function print({ name, value, unit, n, floor, ratio }: Figure, asJson: boolean): void {
  const compared = floor === undefined ? undefined : { floor: round(floor), ratio: round(ratio ?? value / floor) };
  if (asJson) {
    console.log(JSON.stringify({ name, value: round(value), unit, n, ...compared }));
  } else {
    const against = compared === undefined ? '' : `  ${compared.ratio} times ${compared.floor}`;
    console.log(`${name.padEnd(32)} ${String(round(value)).padStart(10)} ${unit}  (n = ${n})${against}`);
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
