/** How the group is doing, in a component. */
import { useCallback, useSyncExternalStore } from 'react';
import type { PendingCommand } from '../host/proposing.ts';
import type { GroupStatus } from '../host/status.ts';
import { useGroup } from './group-context.ts';

/**
 * How the group is doing: who is linked, whether there is a quorum, and how durable what it acknowledges is. The component
 * is rendered again when that changes.
 */
export function useConnection(): GroupStatus {
  const group = useGroup();
  const subscribe = useCallback((changed: () => void) => group.on('status', changed), [group]);
  const read = useCallback(() => group.status(), [group]);
  return useSyncExternalStore(subscribe, read, read);
}

/** The commands of this tab that have no outcome yet, in order. */
export function usePending<Command, Result = unknown>(): readonly PendingCommand<Command, Result>[] {
  const group = useGroup<unknown, Command, Result>();
  const subscribe = useCallback((changed: () => void) => group.on('pending', changed), [group]);
  const read = useCallback(() => group.pending, [group]);
  return useSyncExternalStore(subscribe, read, read);
}
