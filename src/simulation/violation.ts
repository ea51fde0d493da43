/** What a checker has found wrong, and when. */
export interface Violation {
  /** The invariant, S1 to S18 or L1 to L8 (docs/simulation.md). */
  readonly invariant: string;
  readonly message: string;
  /** Milliseconds of virtual time. */
  readonly at: number;
  /** Events that had happened before. */
  readonly step: number;
}

/** Reports what is wrong. Does not come back. */
export type Accuse = (invariant: string, message: string) => never;

/** One sentence, for people. */
export function violationText({ invariant, message, step }: Violation): string {
  return `${invariant} after ${step} events: ${message}`;
}

/** Ends a run at once: what comes after a broken invariant proves nothing. */
export class ViolationError extends Error {
  override readonly name = 'ViolationError';
  readonly violation: Violation;

  constructor(violation: Violation) {
    super(violationText(violation));
    this.violation = violation;
  }
}
