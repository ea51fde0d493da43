/** What many runs come to, and how that is shown. */
import { allFaultKinds, type FaultKind, faultRoles, rolesOf } from '../../src/simulation/fault-kinds.ts';
import type { RunResult } from './jobs.ts';

/** Faults after which somebody does not hear somebody. */
const partitions: readonly FaultKind[] = [
  'one-way',
  'partition',
  'partial-partition',
  'isolate-leader',
  'isolate-follower',
  'flapping',
  'swizzle',
];

/** With fewer seeds, a kind of fault that never fired is no wonder. */
const seedsForCoverage = 200;

const sums = [
  'steps',
  'leaderChanges',
  'commits',
  'crashes',
  'membershipChanges',
  'messages',
  'operations',
  'acknowledged',
] as const;

type Sums = Record<(typeof sums)[number], number>;

interface Failure {
  readonly seed: number;
  /** Null when drawn from the seed. */
  readonly members: number | null;
  readonly invariant: string;
  readonly message: string;
}

export class Totals {
  readonly #start = performance.now();
  readonly #sums: Sums = Object.fromEntries(sums.map((name) => [name, 0])) as Sums;
  readonly #faults = new Map<FaultKind, Map<string, number>>();
  readonly violations: Failure[] = [];
  readonly vacuous: number[] = [];
  seeds = 0;
  #simulatedMs = 0;
  #taken = 0;
  #installed = 0;
  #withSnapshots = 0;
  #fired = 0;

  add(result: RunResult): void {
    const { seed, members, violation } = result;
    this.seeds++;
    for (const name of sums) this.#sums[name] += result[name];
    this.#simulatedMs += result.simulatedMs;
    this.#taken += result.snapshots;
    this.#installed += result.installs;
    if (result.snapshots > 0) this.#withSnapshots++;
    for (const [kind, roles] of Object.entries(result.faults) as [FaultKind, Record<string, number>][]) {
      const counts = this.#faults.get(kind) ?? new Map<string, number>();
      this.#faults.set(kind, counts);
      for (const [role, count] of Object.entries(roles)) {
        counts.set(role, (counts.get(role) ?? 0) + count);
        this.#fired += count;
      }
    }
    if (violation !== null) {
      const { invariant, message } = violation;
      this.violations.push({ seed, members, invariant, message });
    } else if (result.isVacuous) {
      this.vacuous.push(seed);
    }
  }

  get #wallMs(): number {
    return performance.now() - this.#start;
  }

  #count(kind: FaultKind, role: string): number {
    return this.#faults.get(kind)?.get(role) ?? 0;
  }

  /** Kinds that never fired, although there were seeds enough (X2). */
  get unfired(): readonly FaultKind[] {
    return this.seeds < seedsForCoverage ? [] : allFaultKinds.filter((kind) => !this.#faults.has(kind));
  }

  /** Nothing is wrong with any of the runs, and they were an examination. */
  get isClean(): boolean {
    return this.violations.length === 0 && this.vacuous.length === 0 && this.unfired.length === 0;
  }

  /** Kinds with a role that they can hit and have not. */
  #unreached(): string[] {
    return allFaultKinds.flatMap((kind) =>
      rolesOf(kind)
        .filter((role) => this.#count(kind, role) === 0)
        .map((role) => `${kind} ${role}`),
    );
  }

  toJSON(): Readonly<Record<string, unknown>> {
    const faults = allFaultKinds.map((kind) => [kind, Object.fromEntries(this.#faults.get(kind) ?? [])]);
    const partitioned = partitions.flatMap((kind) => [...(this.#faults.get(kind)?.values() ?? [])]);
    const wallSeconds = this.#wallMs / 1000;
    return {
      seeds: this.seeds,
      ...this.#sums,
      simulatedSeconds: Math.round(this.#simulatedMs / 1000),
      wallSeconds: Number(wallSeconds.toFixed(1)),
      eventsPerSecond: Math.round(this.#sums.steps / wallSeconds),
      simulatedToReal: Number((this.#simulatedMs / this.#wallMs).toPrecision(3)),
      partitions: partitioned.reduce((sum, count) => sum + count, 0),
      snapshots: this.#taken,
      snapshotsInstalled: this.#installed,
      runsWithSnapshots: this.#withSnapshots,
      operationsChecked: this.#sums.operations,
      faults: Object.fromEntries(faults) as unknown,
      unfired: this.unfired,
      unreached: this.#unreached(),
      violations: this.violations,
      vacuous: this.vacuous,
    };
  }

  /** One line, for a terminal. */
  progress(of: number): string {
    const perSecond = Math.round((1000 * this.#sums.steps) / this.#wallMs);
    const ratio = Math.round(this.#simulatedMs / this.#wallMs);
    const wrong = this.violations.length + this.vacuous.length;
    return `${this.seeds} of ${of} seeds, ${perSecond} events/s, simulated ${ratio}:1, ${this.#fired} faults, ${wrong} wrong`;
  }

  /** For people. */
  print(): void {
    const width = Math.max(...allFaultKinds.map((kind) => kind.length));
    const cell = (text: string | number): string => String(text).padStart(14);
    console.log(`\n${'faults'.padEnd(width)}${faultRoles.map(cell).join('')}`);
    for (const kind of allFaultKinds) {
      const counts = faultRoles.map((role) => {
        const count = this.#count(kind, role);
        return cell(count > 0 || rolesOf(kind).includes(role) ? count : '·');
      });
      console.log(`${kind.padEnd(width)}${counts.join('')}`);
    }
    console.log('');
    const { faults: _faults, violations: _violations, unreached, ...rest } = this.toJSON();
    for (const [name, value] of Object.entries(rest)) {
      console.log(`${name.padEnd(width)}  ${Array.isArray(value) ? value.join(' ') || 'none' : String(value)}`);
    }
    if (this.seeds >= seedsForCoverage) {
      console.log(`\nroles that a fault could have hit, and did not: ${(unreached as string[]).join(', ') || 'none'}`);
    }
    for (const { seed, members, invariant, message } of this.violations) {
      const again = `npm run simulate -- --seed ${seed}${members === null ? '' : ` --members ${members}`}`;
      console.log(`\nVIOLATED ${invariant}: ${message}\n  ${again}`);
    }
  }
}
