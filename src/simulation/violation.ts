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

/** Ends a run at once: what comes after a broken invariant proves nothing. */
export class ViolationError extends Error {
  override readonly name = 'ViolationError';
  readonly violation: Violation;

  constructor(violation: Violation) {
    super(`${violation.invariant} after ${violation.step} events: ${violation.message}`);
    this.violation = violation;
  }
}
