/** Who is here, in a component. */
import { useMemo, useSyncExternalStore } from 'react';
import type { Presence, PresenceSnapshot } from '../host/presence.ts';
import { useGroup } from './group-context.ts';

/** What is shown, and the functions that show something: these stay the same. */
export type PresenceView<Value> = PresenceSnapshot<Value> & Pick<Presence<Value>, 'set' | 'update'>;

/** Who is here and what they show, this tab included; the component is rendered again when that changes. */
export function usePresence<Value>(): PresenceView<Value> {
  const { presence } = useGroup<unknown, unknown, unknown, Value>();
  const store = useMemo(() => presence.select((snapshot) => snapshot), [presence]);
  const actions = useMemo(
    () => ({
      set: (value: Value | null) => {
        presence.set(value);
      },
      update: (change: Partial<Value>) => {
        presence.update(change);
      },
    }),
    [presence],
  );
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  return useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
}
