/**
 * A connection to a host's database in IndexedDB, and what may happen to it: another tab wants to upgrade or delete the
 * database, which must not wait for us; an older tab does not let go of it; the browser drops the connection, as Safari
 * does with pages in the background, and it has to be opened again.
 */
import { type DBSchema, type IDBPDatabase, type IDBPObjectStore, openDB, type StoreNames } from 'idb';
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { GroupId } from '../ids.ts';
import type { GroupRecord } from './database.ts';

/**
 * Version 1 had no `snapshots` and `chunks`, and one hard state for each group, under its id; version 2 had no outbox: neither
 * `placements` nor `commands`.
 */
const schemaVersion = 3;

/** How long an older tab may take to let go of the database: it may have to end a transaction first. */
const defaultBlockedGraceMs = 5000;

export interface Schema extends DBSchema {
  /** What is said of the host, as structured clones: nobody sees the bytes of a private key. */
  host: { key: 'id' | 'keys'; value: unknown };
  groups: { key: GroupId; value: GroupRecord };
  starts: { key: GroupId; value: Uint8Array };
  hardStates: { key: [GroupId, number]; value: Uint8Array };
  snapshots: { key: GroupId; value: Uint8Array };
  entries: { key: [GroupId, Index]; value: Uint8Array };
  chunks: { key: [GroupId, slot: number, offset: number]; value: Uint8Array };
  placements: { key: GroupId; value: Uint8Array };
  commands: { key: [GroupId, number]; value: Uint8Array };
}

export type OpenDatabase = IDBPDatabase<Schema>;

/** Errors of a connection that is no more: it was closed, its transaction was cut off, or Safari lost its server. */
const lostConnection = ['InvalidStateError', 'AbortError', 'UnknownError'];

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : '';
}

export function failed(what: string, cause: unknown): RaftError {
  if (cause instanceof RaftError) return cause;
  if (nameOf(cause) === 'QuotaExceededError') {
    const message = `${what}: the browser has no more room for this site; free some, or let it ask for more`;
    return new RaftError('QUOTA_EXCEEDED', message, { cause });
  }
  if (nameOf(cause) === 'VersionError') {
    const message = `${what}: newer code has upgraded the database; load the page again`;
    return new RaftError('STORAGE_FAILED', message, { cause });
  }
  return new RaftError('STORAGE_FAILED', `${what} failed: ${String(cause)}`, { cause });
}

/** What the records need of a connection. */
export type DatabaseUser = Pick<Connection, 'use'>;

export class Connection {
  readonly #name: string;
  readonly #blockedGraceMs: number;
  /** Null once it was found dead. */
  #database: Promise<OpenDatabase> | null;
  #isClosed = false;

  private constructor(name: string, blockedGraceMs: number, database: OpenDatabase) {
    this.#name = name;
    this.#blockedGraceMs = blockedGraceMs;
    this.#database = Promise.resolve(database);
  }

  /**
   * Opens the database, making it first if need be.
   * @param blockedGraceMs how long to wait for tabs with older code to let go of it
   * @throws RaftError STORAGE_FAILED, STORAGE_IN_USE when such a tab does not, QUOTA_EXCEEDED
   */
  static async open(name: string, blockedGraceMs: number = defaultBlockedGraceMs): Promise<Connection> {
    return new Connection(name, blockedGraceMs, await openDatabase(name, blockedGraceMs, true));
  }

  /**
   * Does something with the database. If the connection is found dead the action is done again, once, with a new one: it
   * must be such that doing it twice does no harm.
   */
  async use<Result>(action: (database: OpenDatabase) => Promise<Result>): Promise<Result> {
    const opened = this.#open();
    const database = await opened;
    try {
      return await action(database);
    } catch (error) {
      if (this.#isClosed || !lostConnection.includes(nameOf(error))) throw error;
      database.close();
      if (this.#database === opened) this.#database = null;
      return action(await this.#open());
    }
  }

  /** Several may find the old connection dead: the new one serves all. */
  #open(): Promise<OpenDatabase> {
    if (this.#isClosed) throw new RaftError('CLOSED', 'the database is closed');
    return (this.#database ??= openDatabase(this.#name, this.#blockedGraceMs, false));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#database?.then(
      (database) => {
        database.close();
      },
      () => undefined,
    );
  }
}

/** @param mayCreate whether there need not be such a database yet */
function openDatabase(name: string, blockedGraceMs: number, mayCreate: boolean): Promise<OpenDatabase> {
  return new Promise((resolve, reject) => {
    let graceTimer: ReturnType<typeof setTimeout> | undefined;
    let isGivenUp = false;
    let isGone = false;
    openDB<Schema>(name, schemaVersion, {
      upgrade(database, oldVersion, _newVersion, transaction) {
        // What becomes of it is told by the opening.
        transaction.done.catch(() => undefined);
        if (oldVersion === 0 && !mayCreate) {
          isGone = true;
          transaction.abort();
          return;
        }
        if (oldVersion < 1) {
          for (const store of ['host', 'groups', 'starts', 'hardStates', 'entries'] as const) {
            database.createObjectStore(store);
          }
        }
        if (oldVersion < 2) {
          for (const store of ['snapshots', 'chunks'] as const) database.createObjectStore(store);
        }
        for (const store of ['placements', 'commands'] as const) database.createObjectStore(store);
        if (oldVersion === 1) void renumber(transaction.objectStore('hardStates'));
      },
      blocking(_current, _blocked, event) {
        // Another tab upgrades or deletes the database: it must not wait for us.
        (event.target as IDBDatabase).close();
      },
      blocked() {
        graceTimer = setTimeout(() => {
          isGivenUp = true;
          const message = `another tab has the database ${name} open with older code; close it, or load it again`;
          reject(new RaftError('STORAGE_IN_USE', message));
        }, blockedGraceMs);
      },
    })
      .then(
        (database) => {
          if (isGivenUp) database.close();
          else resolve(database);
        },
        (error: unknown) => {
          const gone = new RaftError(
            'STORAGE_LOST',
            `the database ${name} was deleted; join the group as a new member`,
          );
          reject(isGone ? gone : failed(`opening the database ${name}`, error));
        },
      )
      .finally(() => {
        clearTimeout(graceTimer);
      });
  });
}

/** Every hard state of version 1 becomes the first of its group. */
async function renumber(
  hardStates: IDBPObjectStore<Schema, StoreNames<Schema>[], 'hardStates', 'versionchange'>,
): Promise<void> {
  for (const key of await hardStates.getAllKeys()) {
    const group = key as unknown as GroupId;
    const record = await hardStates.get(key);
    if (record !== undefined) await hardStates.put(record, [group, 1]);
    await hardStates.delete(key);
  }
}
