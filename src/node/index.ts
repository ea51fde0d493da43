/** The Node edge: what a process needs that a browser has no use for. */
export { LevelDatabase, type LevelOptions } from '../storage/level.ts';
