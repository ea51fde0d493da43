/** What a fault is told when it happens: the group that it happens to, and how to act on it for a while. */
import type { FaultKind } from './fault-kinds.ts';
import type { SimGroup } from './group-of-processes.ts';
import type { PlannedFault } from './plan.ts';
import type { SimProcess } from './process.ts';

/** A process without its types: faults do not care what is replicated. */
export type AnyProcess = SimProcess<unknown, unknown, unknown>;
export type AnyGroup = SimGroup<unknown, unknown, unknown>;

/** Who looks after the group, as far as faults have to do with it. */
export interface Caretaker {
  /** Whether the group bears the loss of a store. */
  canLose(process: AnyProcess): boolean;
  /** The store of a process is lost: it comes back as somebody new, and has to be made a member. */
  lost(process: AnyProcess): void;
}

/** What a fault needs to happen. */
export interface FaultContext {
  readonly group: AnyGroup;
  readonly caretaker: Caretaker;
  readonly fault: PlannedFault;
  /** A process that is running, in this role if anybody is. */
  readonly pick: (role?: 'leader' | 'follower' | 'any') => AnyProcess | null;
  /** One of the choices of the fault, in [0, bound). */
  readonly choose: (bound: number) => number;
  /** Undoes something when the time of the fault is over, or at the healing if that comes first. */
  readonly later: (undo: () => void) => void;
  /** Does something after so many milliseconds, unless the healing comes first. */
  readonly after: (milliseconds: number, action: () => void) => void;
}

/** Makes a fault happen; gives the process that it hit, if it hit one, or null when there was nothing to hit. */
export type FaultAction = (context: FaultContext) => AnyProcess | 'group' | null;

export type FaultActions = Readonly<Partial<Record<FaultKind, FaultAction>>>;

/** In an order that the choices of the fault decide. */
export function shuffled({ group, choose }: FaultContext): AnyProcess[] {
  const rest = [...group.processes];
  const order: AnyProcess[] = [];
  while (rest.length > 0) order.push(...rest.splice(choose(rest.length), 1));
  return order;
}
