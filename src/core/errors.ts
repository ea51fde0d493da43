/**
 * A replica that finds an invariant broken stops: going on would turn one fault into a wrong log. The error names the
 * rule, as `docs/rules.md` lists them.
 */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
  /** The rule that does not hold, for example `R3`. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(`${rule}: ${message}`);
    this.rule = rule;
  }
}
