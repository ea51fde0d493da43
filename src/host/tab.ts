/** The one host of this tab: opened by the first use, kept while a group is open, and closed when nobody uses it. */
import { type BrowserHostOptions, openBrowserHost } from './browser-host.ts';
import type { Host } from './host.ts';

interface Tab {
  readonly host: Promise<Host>;
  /** Calls that are at work with it. */
  uses: number;
}

let tab: Tab | null = null;

function openTab(options: BrowserHostOptions): Tab {
  const opened: Tab = {
    uses: 0,
    host: openBrowserHost(options, {
      idle: () => {
        closeIfUnused(opened);
      },
      closed: () => {
        if (tab === opened) tab = null;
      },
    }),
  };
  return opened;
}

function closeIfUnused(opened: Tab): void {
  if (opened.uses > 0) return;
  if (tab === opened) tab = null;
  void opened.host.then((host) => {
    if (host.openGroups === 0) host.close();
  });
}

/** Does something with this tab's host. The options count if that opens it. */
export async function useHost<Result>(
  options: BrowserHostOptions,
  action: (host: Host) => Promise<Result>,
): Promise<Result> {
  tab ??= openTab(options);
  const used = tab;
  used.uses++;
  let host: Host | null = null;
  try {
    host = await used.host;
    return await action(host);
  } finally {
    used.uses--;
    if (host === null) {
      if (tab === used) tab = null;
    } else if (host.openGroups === 0) {
      closeIfUnused(used);
    }
  }
}
