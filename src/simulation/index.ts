/**
 * The public face of the simulator (`flotilla/simulation`): run your own machine through everything that can go wrong,
 * from a seed. docs/simulation.md says what that is, and what is checked.
 */
export type { ApplyContext, MachineDefinition } from '../machine/machine.ts';
export { type Applied, defineMachine } from '../machine/reducer.ts';
export type { Random } from '../core/random.ts';
export { allFaultKinds, type FaultCategory, type FaultKind, type FaultKindInfo, faultKinds } from './fault-kinds.ts';
export { type SimulatedClients, simulate, type SimulateOptions, type SimulationReport } from './simulate.ts';
export type { FaultCounts } from './faults.ts';
export type { RunReport } from './run.ts';
export type { Violation } from './violation.ts';
