/** A host's database in LevelDB, for Node: who the host is, its groups, and a store for each of them. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { FieldReader } from '../encoding/fields.ts';
import { RaftError } from '../errors.ts';
import { isAccess } from '../identity/access.ts';
import { type HostIdentity, identityOf, type KeyBytes, makeKeyBytes } from '../identity/host-keys.ts';
import { type GroupId, type HostId, isGroupId, isMemberId } from '../ids.ts';
import type { GroupChange, GroupRecord } from './database.ts';
import { orderedTables, singleTables } from './group-records.ts';
import { groupKey, groupsRange, hostKey, layoutKey, orderedRange, singleKey } from './level-keys.ts';
import { failed, type Level, LevelRecords, Ownership } from './level-records.ts';
import { RecordedDatabase } from './recorded-database.ts';
import { open as openRecord, seal } from './records.ts';

/** The keys, and what lies where; records have versions of their own. Layout 1 had no outbox. */
const layoutVersion = 2;

/** The directory holds the host's private key. */
const privateMode = 0o700;

export interface LevelOptions {
  /**
   * `strict` (the default): a completed write survives a power cut. `relaxed`: it survives the end of the process only, and
   * costs less.
   */
  readonly durability?: 'strict' | 'relaxed';
  /** Whether a directory without a database is refused, instead of getting one. False by default. */
  readonly mustExist?: boolean;
}

const maxTextLength = 4096;

const isText = (text: string): text is string => text.length <= maxTextLength;

export class LevelDatabase extends RecordedDatabase implements AsyncDisposable {
  override readonly host: HostId;
  override readonly keys: CryptoKeyPair;
  readonly #level: Level;
  readonly #durability: 'strict' | 'relaxed';
  readonly #ownerships: Map<GroupId, Ownership> = new Map();

  private constructor(level: Level, { host, keys }: HostIdentity, durability: 'strict' | 'relaxed') {
    super();
    this.#level = level;
    this.host = host;
    this.keys = keys;
    this.#durability = durability;
  }

  /**
   * Opens a database, making it first if need be, and the host with it. The bytes of the host's private key lie in it, in a
   * directory that nobody else may read.
   * @param directory holds the database, and nothing else
   * @throws RaftError STORAGE_IN_USE when another process has it open, STORAGE_FAILED, STORAGE_CORRUPT
   */
  static async open(
    directory: string,
    { durability = 'strict', mustExist = false }: LevelOptions = {},
  ): Promise<LevelDatabase> {
    const what = `opening the database ${directory}`;
    let level: Level | null = null;
    try {
      if (!mustExist) mkdirSync(directory, { recursive: true, mode: privateMode });
      else if (!existsSync(join(directory, 'CURRENT'))) throw new Error('there is no LevelDB database');
      level = new ClassicLevel<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
      await level.open();
      await checkLayout(level);
      return new LevelDatabase(level, await identify(level), durability);
    } catch (cause) {
      await level?.close();
      throw failed(what, cause);
    }
  }

  override async groups(): Promise<readonly GroupRecord[]> {
    try {
      const records = await this.#level.values(groupsRange).all();
      return records.map((record) => openRecord('a record of the list of groups', record, readGroup));
    } catch (cause) {
      throw failed('reading the list of groups', cause);
    }
  }

  override async addGroup(record: GroupRecord): Promise<void> {
    try {
      if ((await this.#level.get(groupKey(record.group))) !== undefined) {
        throw new RaftError('STORAGE_FAILED', `group ${record.group} is stored already`);
      }
      await this.#putGroup(record);
    } catch (cause) {
      throw failed(`storing the group ${record.group}`, cause);
    }
  }

  override async updateGroup(group: GroupId, change: GroupChange): Promise<void> {
    const record = (await this.groups()).find((known) => known.group === group);
    try {
      if (record !== undefined) await this.#putGroup({ ...record, ...change });
    } catch (cause) {
      throw failed(`storing where group ${group} meets`, cause);
    }
  }

  #putGroup({ group, member, signaling, access, machine, founders, room }: GroupRecord): Promise<void> {
    const fields = [group, member, signaling, machine, founders, access, room ?? null];
    return this.#level.put(groupKey(group), seal(fields), { sync: true });
  }

  override async removeGroup(group: GroupId): Promise<void> {
    try {
      await this.#ownership(group).turns.take(async () => {
        const keys = [groupKey(group)];
        for (const table of singleTables) keys.push(singleKey(table, group));
        for (const table of orderedTables) {
          const range = orderedRange(table, group, 0, Number.POSITIVE_INFINITY);
          for (const key of await this.#level.keys(range).all()) keys.push(key);
        }
        await this.#level.batch(
          keys.map((key) => ({ type: 'del', key })),
          { sync: true },
        );
        this.#ownership(group).claim(null);
      });
    } catch (cause) {
      throw failed(`forgetting the group ${group}`, cause);
    }
  }

  protected override records(group: GroupId): LevelRecords {
    return new LevelRecords(this.#level, group, this.#ownership(group), this.#durability);
  }

  #ownership(group: GroupId): Ownership {
    const known = this.#ownerships.get(group) ?? new Ownership();
    this.#ownerships.set(group, known);
    return known;
  }

  override async close(): Promise<void> {
    await this.#level.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** @throws RaftError STORAGE_CORRUPT */
async function checkLayout(level: Level): Promise<void> {
  const record = await level.get(layoutKey);
  if (record === undefined) {
    const [first] = await level.keys({ limit: 1 }).all();
    if (first !== undefined)
      throw new RaftError('STORAGE_CORRUPT', 'the database is none of ours, or has lost its layout');
    await level.put(layoutKey, seal([layoutVersion]), { sync: true });
    return;
  }
  const version = openRecord('the layout of the database', record, (fields) => fields.integer(1));
  if (version > layoutVersion) {
    const message = `the database has layout ${version}, this code reads up to ${layoutVersion}: run the newer code`;
    throw new RaftError('STORAGE_CORRUPT', message);
  }
  // Older code would take an outbox for damage.
  if (version < layoutVersion) await level.put(layoutKey, seal([layoutVersion]), { sync: true });
}

async function identify(level: Level): Promise<HostIdentity> {
  const record = await level.get(hostKey);
  if (record !== undefined) {
    const bytes = openRecord('the key of the host', record, readKeys);
    return identityOf(bytes).catch((cause: unknown) => {
      throw new RaftError('STORAGE_CORRUPT', 'the key of this host is none; begin with an empty directory', { cause });
    });
  }
  const bytes = await makeKeyBytes();
  await level.put(hostKey, seal([bytes.privateKey, bytes.publicKey]), { sync: true });
  return identityOf(bytes);
}

function readKeys(fields: FieldReader): KeyBytes {
  return { privateKey: fields.bytes().slice(), publicKey: fields.bytes().slice() };
}

function readGroup(fields: FieldReader): GroupRecord {
  const record = {
    group: fields.text(isGroupId),
    member: fields.text(isMemberId),
    signaling: fields.textOrNull(isText),
    machine: fields.text(isText),
    founders: fields.integerOrNull(),
    access: fields.text(isAccess),
  };
  // Records from before there were rooms end here.
  const room = fields.remaining === 0 ? null : fields.textOrNull(isGroupId);
  return room === null ? record : { ...record, room };
}
