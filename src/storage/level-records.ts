/**
 * The records of one group in LevelDB. Each commit is one batch, which LevelDB writes and syncs as a whole: a crash leaves
 * all of it, or a torn tail that nobody was told of, which LevelDB drops.
 */
import type { ClassicLevel } from 'classic-level';
import { RaftError } from '../errors.ts';
import type { GroupId } from '../ids.ts';
import {
  type Change,
  type ClaimedRecords,
  type GroupRecords,
  type OrderedTable,
  singleTables,
  type StoredRecords,
} from './group-records.ts';
import { lastNumber, orderedKey, orderedRange, singleKey } from './level-keys.ts';
import type { Durability } from './storage.ts';
import { Turns } from './turns.ts';

export type Level = ClassicLevel<string, Uint8Array>;

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** Who has the records of a group. LevelDB keeps other processes out, so that this is all the fencing that there is to do. */
export class Ownership {
  /** What is done with the records is done one after the other. */
  readonly turns: Turns = new Turns();
  #owner: unknown = null;

  claim(owner: unknown): void {
    this.#owner = owner;
  }

  /** @throws RaftError STORAGE_LOST */
  check(owner: unknown): void {
    if (this.#owner === owner) return;
    throw new RaftError('STORAGE_LOST', 'this storage was loaded again since; this member writes nothing any more');
  }
}

/** The bytes without the class of Node, in which machines and tests would see a difference. */
function plain(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

export function failed(what: string, cause: unknown): RaftError {
  if (cause instanceof RaftError) return cause;
  const reasons = [cause, cause instanceof Error ? cause.cause : undefined].filter((reason) => reason instanceof Error);
  const codes = reasons.map((reason) => ('code' in reason ? reason.code : undefined));
  const text = reasons.map(({ message }) => message).join(': ');
  if (codes.includes('LEVEL_LOCKED')) {
    return new RaftError('STORAGE_IN_USE', `${what} failed: another process has the database open`, { cause });
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    return new RaftError('STORAGE_CORRUPT', `${what} failed: ${text}; join the groups as new members`, { cause });
  }
  return new RaftError('STORAGE_FAILED', `${what} failed: ${text}`, { cause });
}

export class LevelRecords implements GroupRecords {
  readonly #level: Level;
  readonly #group: GroupId;
  readonly #ownership: Ownership;
  readonly #asked: 'strict' | 'relaxed';
  #durability: Durability = 'unknown';

  constructor(level: Level, group: GroupId, ownership: Ownership, durability: 'strict' | 'relaxed') {
    this.#level = level;
    this.#group = group;
    this.#ownership = ownership;
    this.#asked = durability;
  }

  get durability(): Durability {
    return this.#durability;
  }

  claim(claim: Uint8Array): Promise<ClaimedRecords> {
    return this.#do('reading the storage', async () => {
      this.#ownership.claim(this);
      const stored = await this.#readAll();
      const claimed = (stored.hardStates.at(-1)?.[0] ?? 0) + 1;
      await this.#level.put(orderedKey('hardStates', this.#group, [claimed]), claim, this.#writing);
      return { ...stored, claimed };
    });
  }

  read(): Promise<StoredRecords> {
    return this.#do('reading the storage', () => this.#readAll());
  }

  async #readAll(): Promise<StoredRecords> {
    const singles = singleTables.map((table) => singleKey(table, this.#group));
    const [start, snapshots, placement] = (await this.#level.getMany(singles)).map(plain);
    return {
      start,
      snapshots,
      hardStates: await this.#all('hardStates'),
      entries: await this.#all('entries'),
      placement,
      commands: await this.#all('commands'),
    };
  }

  async #all(table: OrderedTable): Promise<(readonly [number, unknown])[]> {
    const range = orderedRange(table, this.#group, 0, Number.POSITIVE_INFINITY);
    const records = await this.#level.iterator(range).all();
    return records.map(([key, value]) => [lastNumber(key), plain(value)] as const);
  }

  get #writing(): { readonly sync: boolean } {
    return { sync: this.#asked === 'strict' };
  }

  commit(changes: readonly Change[]): Promise<void> {
    return this.#do('writing to the storage', async () => {
      this.#ownership.check(this);
      const operations: Operation[] = [];
      for (const change of changes) {
        if ('from' in change) {
          const range = orderedRange(change.table, this.#group, change.from, change.to);
          for (const key of await this.#level.keys(range).all()) operations.push({ type: 'del', key });
        } else {
          const { bytes } = change;
          const key =
            'key' in change ? orderedKey(change.table, this.#group, change.key) : singleKey(change.table, this.#group);
          operations.push({ type: 'put', key, value: bytes });
        }
      }
      await this.#level.batch(operations, this.#writing);
      this.#durability = this.#asked;
    });
  }

  chunks(slot: number, from: number, to: number): Promise<readonly (readonly [number, unknown])[]> {
    return this.#do('reading a snapshot', async () => {
      const key = (offset: number): string => orderedKey('chunks', this.#group, [slot, offset]);
      const [before] = await this.#level.keys({ gte: key(0), lte: key(from), reverse: true, limit: 1 }).all();
      const stored = await this.#level.iterator({ gte: before ?? key(from), lt: key(to) }).all();
      return stored.map(([found, value]) => [lastNumber(found), plain(value)] as const);
    });
  }

  async #do<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#ownership.turns.take(action);
    } catch (cause) {
      throw failed(what, cause);
    }
  }
}
