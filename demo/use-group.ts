import type { GroupStatus, LogEntry } from 'flotilla';
import { useCallback, useSyncExternalStore } from 'react';
import type { Command, Table } from './machine.ts';
import type { DemoGroup } from './session.ts';

export interface GroupView {
  readonly state: Table;
  readonly status: GroupStatus;
  readonly log: readonly LogEntry<Command>[];
}

const shownEntries = 12;

/** One snapshot for each group until something changes, as React asks for. */
const views = new WeakMap<DemoGroup, GroupView>();

function viewOf(group: DemoGroup): GroupView {
  const known = views.get(group);
  if (known !== undefined) return known;
  const view = { state: group.state, status: group.status(), log: group.log(shownEntries) };
  views.set(group, view);
  return view;
}

/** Everything that the page shows of a group, again whenever it changes. */
export function useGroup(group: DemoGroup): GroupView {
  const subscribe = useCallback(
    (changed: () => void) => {
      const refresh = (): void => {
        views.delete(group);
        changed();
      };
      const offs = [group.on('state', refresh), group.on('status', refresh)];
      refresh();
      return () => {
        for (const off of offs) off();
      };
    },
    [group],
  );
  return useSyncExternalStore(subscribe, () => viewOf(group));
}
