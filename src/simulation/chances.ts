/** Draws from whole numbers, which are the same on every engine. */
import type { Random } from '../core/random.ts';

/** A whole number in [min, max]. */
export function between(random: Random, { min, max }: { readonly min: number; readonly max: number }): number {
  return min + random.below(max - min + 1);
}

/** True so many times in a thousand; what never happens draws nothing. */
export function happens(random: Random, thousandths: number): boolean {
  return thousandths > 0 && random.below(1000) < thousandths;
}
