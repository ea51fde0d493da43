/** Makes the faults of a plan happen: each at its moment, and undone when its time is over. */
import type { FaultKind } from './fault-kinds.ts';
import type { AnyGroup, AnyProcess, FaultAction, FaultContext } from './fault-context.ts';
import { clockFaults } from './clock-faults.ts';
import { networkFaults } from './network-faults.ts';
import { processFaults } from './process-faults.ts';
import { storageFaults } from './storage-faults.ts';
import type { Operator } from './operator.ts';
import type { PlannedFault } from './plan.ts';

/** How often each kind of fault has hit each role. */
export type FaultCounts = Map<FaultKind, Map<string, number>>;

/** Milliseconds that a message takes at most, once everything works. */
export const healedDelayMs = 20;

export class Faults {
  readonly #group: AnyGroup;
  readonly #operator: Operator;
  readonly counts: FaultCounts = new Map();
  readonly #undo: Set<() => void> = new Set();
  #isHealed = false;

  constructor(group: AnyGroup, operator: Operator) {
    this.#group = group;
    this.#operator = operator;
  }

  schedule(faults: readonly PlannedFault[]): void {
    for (const fault of faults) {
      this.#group.queue.after(fault.at, () => {
        if (!this.#isHealed) this.#happen(fault);
      });
    }
  }

  #happen(fault: PlannedFault): void {
    const { queue } = this.#group;
    let used = 0;
    const choose = (bound: number): number => (fault.choices[used++ % fault.choices.length] ?? 0) % bound;
    const context: FaultContext = {
      group: this.#group,
      caretaker: this.#operator,
      fault,
      choose,
      pick: (role = 'any') => pickProcess(this.#group, role, choose),
      later: (undo) => {
        const once = (): void => {
          if (this.#undo.delete(once)) undo();
        };
        this.#undo.add(once);
        queue.after(fault.duration, once);
      },
      after: (milliseconds, action) => {
        queue.after(milliseconds, () => {
          if (!this.#isHealed) action();
        });
      },
    };
    const roles = new Map(this.#group.processes.map((process) => [process, roleOf(process)]));
    const hit = this.#action(fault.kind)(context);
    if (hit === null) return;
    const role = hit === 'group' ? 'group' : (roles.get(hit) ?? roleOf(hit));
    const counts = this.counts.get(fault.kind) ?? new Map<string, number>();
    this.counts.set(fault.kind, counts.set(role, (counts.get(role) ?? 0) + 1));
    const { watcher } = this.#group;
    watcher.hash.text(`${fault.kind} ${role}`);
    const target = hit === 'group' ? 'the group' : `${hit.name} (${role})`;
    watcher.note(`fault ${fault.kind} for ${fault.duration} ms: ${target}`);
  }

  #action(kind: FaultKind): FaultAction {
    const change = this.#operator.changes[kind];
    return (
      change ?? networkFaults[kind] ?? processFaults[kind] ?? clockFaults[kind] ?? storageFaults[kind] ?? (() => null)
    );
  }

  /** Everything works again. */
  heal(): void {
    this.#isHealed = true;
    for (const undo of [...this.#undo]) undo();
    for (const path of this.#group.network.paths) {
      const calm = { loss: 0, duplication: 0, replay: 0, heavyTail: 0, reorders: false, isCut: false, isFull: false };
      Object.assign(path, calm);
      path.maxDelay = Math.min(path.maxDelay, healedDelayMs);
    }
    for (const process of this.#group.processes) {
      process.thaw();
      process.spare();
      Object.assign(process.diskFaults, { openDelay: 0, failingWrites: 0, failingReads: 0, failingAfterWrites: 0 });
      this.#group.slowDown(process.name, 1);
      process.clock.setRate(1);
      process.clock.setResolution(0.001);
      process.clock.clampTimers(0);
      // Whose store somebody else has opened hears of it at last.
      if (process.isGone) process.crash({ reached: () => 0, isAnnounced: true });
      // Whoever is still opening a store that was blocked begins again.
      if (!process.isRunning) process.crash({ reached: () => 0, isAnnounced: true });
      process.start();
    }
    this.#group.network.unclog();
    this.#group.network.healed();
  }
}

/** What a process is at the moment, for the counts. */
export function roleOf(process: AnyProcess): string {
  const { raft } = process;
  if (raft === null) return 'down';
  const { voters, outgoing, witnesses } = raft.configuration;
  if (!voters.includes(process.id) && !outgoing.includes(process.id)) return 'learner';
  if (witnesses.includes(process.id)) return 'witness';
  return raft.role;
}

function pickProcess(
  group: AnyGroup,
  role: 'leader' | 'follower' | 'any',
  choose: (bound: number) => number,
): AnyProcess | null {
  const running = group.processes.filter((process) => process.isRunning && !process.isGone);
  const leader = group.leader;
  if (role === 'leader') return leader;
  const some = role === 'follower' ? running.filter((process) => process !== leader) : running;
  return some[choose(Math.max(1, some.length))] ?? null;
}
