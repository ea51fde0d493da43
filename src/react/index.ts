/** `flotilla/react`: hooks on React's `useSyncExternalStore`. */
export { GroupProvider, type GroupProviderProps, useGroup } from './group-context.ts';
export { useConnection, usePending } from './use-connection.ts';
export { type OpenGroup, useOpenGroup } from './use-open-group.ts';
export { type PresenceView, usePresence } from './use-presence.ts';
export { type ReplicatedOptions, useReplicated } from './use-replicated.ts';
