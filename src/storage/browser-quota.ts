/** How much a browser lets this site store, and whether it may throw it away when space is short. */

/** In bytes, of the whole site: everything that it stores counts. */
export interface StorageUse {
  readonly usage: number;
  /** What the browser would let it be; an estimate, and often far more than there is room for. */
  readonly quota: number;
  /** Whether the browser has promised not to evict it. */
  readonly isPersistent: boolean;
}

/** `granted`: the browser will not evict this site's storage by itself. `refused`: it may. `unknown`: it cannot be asked. */
export type Persistence = 'granted' | 'refused' | 'unknown';

function manager(): StorageManager | null {
  return typeof navigator === 'undefined' || !('storage' in navigator) ? null : navigator.storage;
}

/** Asks the browser to keep this site's storage when space is short. */
export async function askToPersist(): Promise<Persistence> {
  const storage = manager();
  if (storage === null || !('persist' in storage)) return 'unknown';
  return (await storage.persist()) ? 'granted' : 'refused';
}

/** Null where the browser does not tell, as in a page that is not secure. */
export async function estimateStorage(): Promise<StorageUse | null> {
  const storage = manager();
  if (storage === null || !('estimate' in storage)) return null;
  const [{ usage, quota }, isPersistent] = await Promise.all([storage.estimate(), storage.persisted()]);
  return usage === undefined || quota === undefined ? null : { usage, quota, isPersistent };
}
