/**
 * What the benchmark of the core asks of a core, ours or a peer's: a group of voters in one process, driven by hand. Writes
 * complete at once and messages are delivered directly, so that nothing but the algorithm is measured.
 */

/** What one voter has applied: how many commands, and a hash that depends on their order. */
export class Tally {
  count = 0;
  hash = 0;

  add(key: number): void {
    this.count++;
    this.hash = (Math.imul(this.hash, 31) + key) | 0;
  }
}

export interface Group<Command> {
  readonly tallies: readonly Tally[];
  /** One call for one command. Throws if it is refused. */
  propose(command: Command): void;
  /** One call for all. Throws if they are refused. */
  proposeAll(commands: readonly Command[]): void;
  /** Carries out whatever the voters hand out, until none has anything more to do. */
  settle(): void;
}

export interface Contender<Command> {
  /** A command of so many bytes, in the form in which this core likes it best. */
  command(number: number, bytes: number): Command;
  /** Tells one command from another. */
  keyOf(command: Command): number;
  /** A group whose first voter leads. */
  found(voters: number): Group<Command>;
}

export function voterNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `voter-${i + 1}`);
}
