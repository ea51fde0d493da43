/**
 * Makes a failing plan short: fewer faults (delta debugging, Zeller and Hildebrandt 2002), fewer clients and keys, calmer
 * links and disks, ordinary options, less time; as long as the same invariant is broken.
 */
import { highWaterBytes } from '../transport/link.ts';
import type { Plan, PlannedFault } from './plan.ts';
import type { Violation } from './violation.ts';

export interface ShrinkOptions {
  /** Runs that are tried at most; 300 by default. */
  readonly maxRuns?: number;
  /** Hears of every plan that still fails. */
  readonly progress?: (plan: Plan, runs: number) => void;
}

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  /** How many runs it took. */
  readonly runs: number;
}

/**
 * @param run runs a plan from its beginning, and gives what it violates
 * @returns null when the plan as given violates nothing
 */
export function shrinkPlan(
  plan: Plan,
  run: (plan: Plan) => Violation | null,
  { maxRuns = 300, progress }: ShrinkOptions = {},
): Shrunk | null {
  const violation = run(plan);
  return violation === null ? null : new Shrinker(plan, violation, run, maxRuns, progress).shrink();
}

/** Milliseconds: the first leader comes before the healing. */
const minChaosMs = 3_000;

class Shrinker {
  #plan: Plan;
  #violation: Violation;
  readonly #invariant: string;
  readonly #run: (plan: Plan) => Violation | null;
  readonly #maxRuns: number;
  readonly #progress: ((plan: Plan, runs: number) => void) | undefined;
  #runs = 1;

  constructor(
    plan: Plan,
    violation: Violation,
    run: (plan: Plan) => Violation | null,
    maxRuns: number,
    progress: ((plan: Plan, runs: number) => void) | undefined,
  ) {
    this.#plan = plan;
    this.#violation = violation;
    this.#invariant = violation.invariant;
    this.#run = run;
    this.#maxRuns = maxRuns;
    this.#progress = progress;
  }

  /** Round after round, until one changes nothing. */
  shrink(): Shrunk {
    for (;;) {
      const before = this.#plan;
      this.#shortenTime();
      this.#removeFaults();
      this.#simplify();
      if (this.#plan === before || this.#runs >= this.#maxRuns) break;
    }
    return { plan: this.#plan, violation: this.#violation, runs: this.#runs };
  }

  /** Keeps a plan if it fails in the same way. */
  #try(plan: Plan): boolean {
    if (this.#runs >= this.#maxRuns) return false;
    this.#runs++;
    const violation = this.#run(plan);
    if (violation?.invariant !== this.#invariant) return false;
    this.#plan = plan;
    this.#violation = violation;
    this.#progress?.(plan, this.#runs);
    return true;
  }

  /** What comes after the violation has nothing to do with it; the healing may come sooner. */
  #shortenTime(): void {
    const { at } = this.#violation;
    const { faults, chaosMs } = this.#plan;
    const earlier = faults.filter((fault) => fault.at <= at);
    if (earlier.length < faults.length) this.#try({ ...this.#plan, faults: earlier });
    if (minChaosMs < at && at < chaosMs) this.#try({ ...this.#plan, chaosMs: Math.ceil(at) });
    const last = this.#plan.faults.reduce((latest, fault) => Math.max(latest, fault.at + fault.duration), 0);
    const shortest = Math.max(minChaosMs, Math.ceil(last));
    if (shortest < this.#plan.chaosMs) this.#try({ ...this.#plan, chaosMs: shortest });
    for (;;) {
      const half = Math.ceil(this.#plan.chaosMs / 2);
      if (half < minChaosMs || !this.#try({ ...this.#plan, chaosMs: half })) break;
    }
  }

  /** `ddmin`: parts, and what is left without a part, in ever smaller parts. */
  #removeFaults(): void {
    let parts = 2;
    while (this.#plan.faults.length > 0) {
      const { faults } = this.#plan;
      if (faults.length === 1) {
        this.#tryFaults([]);
        return;
      }
      const size = Math.ceil(faults.length / parts);
      const places = Array.from({ length: Math.ceil(faults.length / size) }, (_, i) => i * size);
      if (places.some((place) => this.#tryFaults(faults.slice(place, place + size)))) {
        parts = 2;
      } else if (parts > 2 && places.some((place) => this.#tryFaults(faults.toSpliced(place, size)))) {
        parts = Math.max(2, parts - 1);
      } else {
        if (parts >= faults.length) return;
        parts = Math.min(faults.length, 2 * parts);
      }
      if (this.#runs >= this.#maxRuns) return;
    }
  }

  #tryFaults(faults: readonly PlannedFault[]): boolean {
    return faults.length < this.#plan.faults.length && this.#try({ ...this.#plan, faults });
  }

  #simplify(): void {
    for (const members of [3, 5]) {
      if (members < this.#plan.members && this.#try({ ...this.#plan, members })) break;
    }
    for (const clients of [1, 2]) {
      if (clients < this.#plan.clients && this.#try({ ...this.#plan, clients })) break;
    }
    if (this.#plan.learners > 0) this.#try({ ...this.#plan, learners: 0 });
    if (this.#plan.keys > 1) this.#try({ ...this.#plan, keys: 1 });
    this.#calmNetwork();
    if (this.#plan.thinkMs < 1_000) this.#try({ ...this.#plan, thinkMs: 2 * this.#plan.thinkMs });
    for (const option of Object.keys(this.#plan.options.raft ?? {})) this.#forgetOption(option);
    this.#shortenFaults();
  }

  #calmNetwork(): void {
    const { network } = this.#plan;
    const calm = { loss: 0, duplication: 0, replay: 0, heavyTail: 0, reorders: false };
    const isCalm = (name: keyof typeof calm): boolean => network.faults[name] === calm[name];
    const names = Object.keys(calm) as (keyof typeof calm)[];
    if (network.asBytes) this.#try({ ...this.#plan, network: { ...network, asBytes: false } });
    if (network.highWaterBytes < highWaterBytes.bulk) {
      this.#try({ ...this.#plan, network: { ...this.#plan.network, highWaterBytes: highWaterBytes.bulk } });
    }
    if (names.every(isCalm)) return;
    const withFaults = (faults: Partial<typeof calm>): Plan => {
      const { network: present } = this.#plan;
      return { ...this.#plan, network: { ...present, faults: { ...present.faults, ...faults } } };
    };
    if (this.#try(withFaults(calm))) return;
    for (const name of names) if (!isCalm(name)) this.#try(withFaults({ [name]: calm[name] }));
  }

  /** The default of the library takes its place. */
  #forgetOption(option: string): void {
    const { options } = this.#plan;
    const raft = Object.fromEntries(Object.entries(options.raft ?? {}).filter(([name]) => name !== option));
    // Two options are only right beside each other.
    if (option === 'heartbeatTicks' || option === 'electionTicks') return;
    this.#try({ ...this.#plan, options: { ...options, raft } });
  }

  #shortenFaults(): void {
    for (let i = 0; i < this.#plan.faults.length; i++) {
      const { faults } = this.#plan;
      const fault = faults[i];
      if (fault === undefined || fault.duration < 1_000) continue;
      const shorter = { ...fault, duration: Math.ceil(fault.duration / 2) };
      this.#try({ ...this.#plan, faults: faults.with(i, shorter) });
    }
  }
}
