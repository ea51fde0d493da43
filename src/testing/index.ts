/** For whoever writes a part of their own: the acceptance suites that ours pass, and the contracts that they hold to. */
export type { Entry, HardState, LogStart, PersistentState, Snapshot } from '../core/types.ts';
export { RaftError } from '../errors.ts';
export type { Batch, Durability, SnapshotPart, Storage } from '../storage/storage.ts';
export {
  type AcceptanceCase,
  storageAcceptance,
  type StorageFault,
  type StorageHarness,
} from './storage-acceptance.ts';
export { linkAcceptance, type LinkHarness } from './link-acceptance.ts';
export type { ChannelBinding, Lane, Link, LinkEnd, LinkListener, LinkPath, LinkStatistics } from '../transport/link.ts';
