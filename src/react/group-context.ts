/** The group that the components below a provider are about. */
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';
import type { Group } from '../host/group.ts';

/** What is in the group is known where it is used. */
type AnyGroup = Group<unknown, unknown, unknown>;

const GroupContext = createContext<AnyGroup | null>(null);

export interface GroupProviderProps<State, Command, Result, Value> {
  readonly group: Group<State, Command, Result, Value>;
  readonly children?: ReactNode;
}

/** Makes a group known to `useGroup`, `useReplicated`, `usePresence` and `useConnection` below it. */
export function GroupProvider<State, Command, Result, Value>({
  group,
  children,
}: GroupProviderProps<State, Command, Result, Value>): ReactElement {
  return createElement(GroupContext.Provider, { value: group as unknown as AnyGroup }, children);
}

/**
 * The group of the nearest `GroupProvider` above, to propose to and to read from. Nothing is rendered again when it
 * changes: that is for the other hooks.
 * @throws Error where there is no provider above
 */
export function useGroup<State = unknown, Command = unknown, Result = unknown, Value = unknown>(): Group<
  State,
  Command,
  Result,
  Value
> {
  const group = useContext(GroupContext);
  if (group === null) throw new Error('there is no <GroupProvider> above this component: put one around it');
  return group as unknown as Group<State, Command, Result, Value>;
}
