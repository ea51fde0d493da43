/** A group that is open as long as a component is there. */
import { useEffect, useRef, useState } from 'react';
import type { Group } from '../host/group.ts';

export type OpenGroup<State, Command, Result, Value> =
  | { readonly status: 'opening' }
  | { readonly status: 'open'; readonly group: Group<State, Command, Result, Value> }
  | { readonly status: 'failed'; readonly error: unknown };

interface Opening<OpenedGroup> {
  readonly opened: Promise<OpenedGroup>;
  users: number;
}

/**
 * Opens a group when the component appears, and closes it when it goes. A group can be open only once in a tab, and
 * StrictMode takes every component away once and brings it back at once: so it is closed only when nobody has come back
 * by the end of the present event.
 * @param open calls `createGroup`, `joinGroup`, `openGroup` or `openRoom`; called again only with another `key`
 * @param key what the group depends on, for example the invite
 */
export function useOpenGroup<State, Command, Result, Value>(
  open: () => Promise<Group<State, Command, Result, Value>>,
  key = '',
): OpenGroup<State, Command, Result, Value> {
  type OpenedGroup = Group<State, Command, Result, Value>;
  const [result, setResult] = useState<OpenGroup<State, Command, Result, Value>>({ status: 'opening' });
  const openings = useRef(new Map<string, Opening<OpenedGroup>>());
  const newest = useRef(open);
  useEffect(() => {
    newest.current = open;
  });
  useEffect(() => {
    const all = openings.current;
    const opening = all.get(key) ?? { opened: newest.current(), users: 0 };
    all.set(key, opening);
    opening.users++;
    let isWanted = true;
    setResult({ status: 'opening' });
    opening.opened.then(
      (group) => {
        if (isWanted) setResult({ status: 'open', group });
      },
      (error: unknown) => {
        if (isWanted) setResult({ status: 'failed', error });
      },
    );
    return () => {
      isWanted = false;
      opening.users--;
      queueMicrotask(() => {
        if (opening.users > 0 || all.get(key) !== opening) return;
        all.delete(key);
        opening.opened.then(
          (group) => {
            group.close();
          },
          () => undefined,
        );
      });
    };
  }, [key]);
  return result;
}
