/** The Node edge: what a process needs that a browser has no use for. */
export type { SnapshotReport, StoreReport } from '../storage/inspection.ts';
export { LevelDatabase, type LevelOptions } from '../storage/level.ts';
