/**
 * What the group has agreed on, as the first member to apply it showed it: every other member has to show the same (S5),
 * whether it applied the log or was restored from a snapshot (S13), and no command twice (S17).
 */
import type { Index } from '../core/types.ts';
import type { Run } from './run-of-member.ts';

export interface AppliedEffect {
  readonly index: Index;
  /** What was applied, as text. */
  readonly command: string;
  /** The state after it, as text that is equal only for equal states. */
  readonly digest: string;
}

/** Says what is wrong, or null. */
type Verdict = { readonly invariant: 'S5' | 'S13'; readonly message: string } | null;

export class Reference {
  readonly #effects: AppliedEffect[] = [];
  readonly #initialDigest: string;

  get effects(): readonly AppliedEffect[] {
    return this.#effects;
  }

  /** @param initialDigest of the machine before any command */
  constructor(initialDigest: string) {
    this.#initialDigest = initialDigest;
  }

  applied(run: Run, effect: AppliedEffect): Verdict {
    const expected = this.#effects[run.effects];
    run.effects++;
    if (expected === undefined) {
      this.#effects.push(effect);
      return null;
    }
    const isSame =
      expected.index === effect.index && expected.command === effect.command && expected.digest === effect.digest;
    if (isSame) return null;
    const message = `${run.id} applied ${describe(effect)}, where another member applied ${describe(expected)}`;
    return { invariant: 'S5', message };
  }

  /** A member's machine was restored from a snapshot of this index. */
  restored(run: Run, index: Index, digest: string): Verdict {
    const count = this.#countUpTo(index);
    run.effects = count;
    const expected = this.#effects[count - 1]?.digest ?? this.#initialDigest;
    if (digest === expected) return null;
    return { invariant: 'S13', message: `${run.id} restored a snapshot of ${index} that is not what applying gives` };
  }

  /** How many effects the entries up to an index have. */
  #countUpTo(index: Index): number {
    let low = 0;
    let high = this.#effects.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#effects[middle]?.index ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function describe({ index, command }: AppliedEffect): string {
  return `${command.slice(0, 80)} at ${index}`;
}
