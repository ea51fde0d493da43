/** What the group agrees on, in a component. */
import { useMemo } from 'react';
import { useSyncExternalStoreWithSelector } from 'use-sync-external-store/shim/with-selector';
import { useGroup } from './group-context.ts';

export interface ReplicatedOptions<Part> {
  /** Whether two parts are as good as the same: then nothing is rendered again. `Object.is`, if you do not say. */
  readonly isEqual?: (one: Part, other: Part) => boolean;
  /** With the commands of this tab that are on their way: what it will look like if all of them are done. */
  readonly optimistic?: boolean;
}

const whole = (state: unknown): unknown => state;

/**
 * The state of the group, or what a selector makes of it; the component is rendered again when that changes. The selector
 * may be another function each time.
 */
export function useReplicated<State, Part = State>(
  selector: (state: State) => Part = whole as (state: State) => Part,
  { isEqual = Object.is, optimistic = false }: ReplicatedOptions<Part> = {},
): Part {
  const group = useGroup<State>();
  const store = useMemo(() => group.select((state) => state, { optimistic }), [group, optimistic]);
  return useSyncExternalStoreWithSelector(store.subscribe, store.getSnapshot, store.getSnapshot, selector, isEqual);
}
