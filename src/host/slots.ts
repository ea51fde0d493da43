/**
 * Which of an origin's databases this tab uses. Each is one host, and a Web Lock keeps it in one tab at a time. A tab that
 * is reloaded takes up the one it had; a new tab takes one that no other tab uses, so that whoever was closed comes back;
 * and if all are in use, it makes the next.
 */
import { RaftError } from '../errors.ts';

const rememberedKey = 'flotilla.slot';

/** After a reload the page before may still be letting go. */
const reloadGraceMs = 2000;

/** More tabs than any browser holds. */
const maxSlots = 1000;

const databasePrefix = 'flotilla-';

/** Whether a database is one that a tab takes. */
export function isSlotDatabase(name: string): boolean {
  return name.startsWith(databasePrefix) && /^\d+$/.test(name.slice(databasePrefix.length));
}

export interface Slot {
  /** The name of the database. */
  readonly database: string;
  /** Lets other tabs have it. */
  release(): void;
}

/**
 * Takes a database for this tab.
 * @param lost called when the lock was taken away from us, which nobody but a developer at a console does
 * @throws RaftError NOT_SUPPORTED, STORAGE_IN_USE
 */
export async function takeSlot(lost: () => void): Promise<Slot> {
  const remembered = Number(sessionStorage.getItem(rememberedKey) ?? 0);
  if (Number.isSafeInteger(remembered) && remembered > 0) {
    const slot = await lock(remembered, { signal: AbortSignal.timeout(reloadGraceMs) }, lost);
    if (slot !== null) return slot;
  }
  for (let number = 1; number <= maxSlots; number++) {
    const slot = await lock(number, { ifAvailable: true }, lost);
    if (slot === null) continue;
    sessionStorage.setItem(rememberedKey, String(number));
    return slot;
  }
  throw new RaftError('STORAGE_IN_USE', `all ${maxSlots} databases of this origin are open in other tabs`);
}

/** Null if somebody else has it. */
function lock(number: number, options: LockOptions, lost: () => void): Promise<Slot | null> {
  const database = `${databasePrefix}${number}`;
  return new Promise((resolve, reject) => {
    let isHeld = false;
    const request = navigator.locks.request(`${database}.host`, options, (granted) => {
      if (granted === null) {
        resolve(null);
        return undefined;
      }
      isHeld = true;
      return new Promise<void>((done) => {
        const release = (): void => {
          isHeld = false;
          done();
        };
        resolve({ database, release });
      });
    });
    request.catch((error: unknown) => {
      if (isHeld) lost();
      else if (error instanceof DOMException && ['AbortError', 'TimeoutError'].includes(error.name)) resolve(null);
      else reject(new RaftError('NOT_SUPPORTED', `the browser gives no Web Lock: ${String(error)}`, { cause: error }));
    });
  });
}
