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

/** Once a frame is enough for the eye, and leaves the page its time for the group; a hidden page has no frames. */
function soon(refresh: () => void): () => void {
  if (document.hidden) {
    const timer = setTimeout(refresh, 100);
    return () => {
      clearTimeout(timer);
    };
  }
  const frame = requestAnimationFrame(refresh);
  return () => {
    cancelAnimationFrame(frame);
  };
}

/** Everything that the page shows of a group, again whenever it changes. */
export function useGroup(group: DemoGroup): GroupView {
  const subscribe = useCallback(
    (changed: () => void) => {
      let cancel: (() => void) | null = null;
      const refresh = (): void => {
        cancel = null;
        views.delete(group);
        changed();
      };
      const refreshSoon = (): void => {
        cancel ??= soon(refresh);
      };
      // A frame that was asked for never comes once the page is hidden.
      const onVisibility = (): void => {
        cancel?.();
        refresh();
      };
      const offs = [group.on('state', refreshSoon), group.on('status', refreshSoon)];
      document.addEventListener('visibilitychange', onVisibility);
      refresh();
      return () => {
        cancel?.();
        document.removeEventListener('visibilitychange', onVisibility);
        for (const off of offs) off();
      };
    },
    [group],
  );
  return useSyncExternalStore(subscribe, () => viewOf(group));
}
