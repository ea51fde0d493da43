/**
 * Bringing back what a store had agreed on, from a file. The member that wrote it is never brought back: since then it may
 * have voted and acknowledged what the file knows nothing of, and it may still be at work elsewhere (D9). What comes back
 * is what nobody can take back, the state up to the commit index, without vote and without the entries behind it; and it
 * belongs to a member that is new.
 */
import { foundingConfiguration } from '../core/configuration.ts';
import type { NodeId, PersistentState, Snapshot } from '../core/types.ts';
import { toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import { fullAccess } from '../identity/access.ts';
import { type GroupId, groupIdBytes, incarnationBytes, memberId } from '../ids.ts';
import type { Database, GroupRecord } from './database.ts';
import { inspectStore } from './inspection.ts';
import { recordBytes } from './records.ts';
import type { Batch, Storage } from './storage.ts';
import type { StoreFile } from './store-file.ts';
import { StoredState } from './stored-state.ts';

export const restoreKinds = ['member', 'group'] as const;

/**
 * `member`: a new member of the same group. It shows what the file holds, counts for nothing, and takes part once the others
 * have let it in. `group`: the only member of a new group, which begins with what the file holds and has nothing to do with
 * the one of before.
 */
export type RestoreAs = (typeof restoreKinds)[number];

const secretBytes = 32;

type Bytes = (offset: number, length: number) => Promise<Uint8Array>;

/**
 * Restores a store into a database that has no member of the group.
 * @param random gives so many random bytes, fit for secrets
 * @returns the record of the new member, which is in the database
 * @throws RaftError INVALID_ARGUMENT when the group is there already, or when there is nothing to restore; STORAGE_CORRUPT
 *   when the store in the file is damaged; STORAGE_FAILED, QUOTA_EXCEEDED. Nothing is stored then.
 */
export async function restoreStore(
  database: Database,
  file: StoreFile,
  as: RestoreAs,
  random: (length: number) => Uint8Array,
): Promise<GroupRecord> {
  const { state, read } = await agreedIn(file);
  const member = memberId(database.host, toBase64Url(random(incarnationBytes)));
  const isNew = as === 'group';
  const record: GroupRecord = {
    ...file.record,
    ...(isNew && { group: toBase64Url(random(groupIdBytes)) as GroupId, access: fullAccess(random(secretBytes)) }),
    member,
    founders: null,
  };
  const { group } = record;
  if ((await database.groups()).some((known) => known.group === group)) {
    throw new RaftError('INVALID_ARGUMENT', `there is a member of group ${group} here already: nothing was restored`);
  }
  // What an attempt left behind that was cut off.
  await database.removeGroup(group);
  const storage = database.storage(group);
  try {
    await fill(storage, isNew ? ofOneMember(state, member) : state, read);
    // Last of all: without it, nobody takes the store for that of a member.
    await database.addGroup(record);
  } catch (cause) {
    await database.removeGroup(group);
    throw cause;
  } finally {
    storage.close();
  }
  return record;
}

interface Agreed {
  readonly state: PersistentState;
  /** Bytes of its snapshot. */
  readonly read: Bytes;
}

/** What nobody can take back. */
async function agreedIn(file: StoreFile): Promise<Agreed> {
  const { problems } = await inspectStore(file.record, file);
  if (problems.length > 0) {
    throw new RaftError(
      'STORAGE_CORRUPT',
      `the store in this file is damaged, and is not restored: ${problems.join('; ')}`,
    );
  }
  const stored = new StoredState();
  const state = stored.load(await file.read(), Number.MAX_SAFE_INTEGER);
  if (state === null)
    throw new RaftError('INVALID_ARGUMENT', 'the store in this file was never founded: it holds nothing');
  const { start, snapshot = null, hardState } = state;
  const entries = state.entries.filter(({ index }) => index <= hardState.commit);
  const isWithoutCommands = entries.some(({ kind, data }) => kind === 'command' && data.byteLength === 0);
  if (isWithoutCommands || snapshot?.bytes === 0) {
    const message = 'the store in this file is that of a witness, which holds no commands: take that of another member';
    throw new RaftError('INVALID_ARGUMENT', message);
  }
  const term = entries.at(-1)?.term ?? start.term;
  return {
    state: { start, snapshot, entries, hardState: { term, vote: null, commit: hardState.commit } },
    read: (offset, length) =>
      snapshot === null ? Promise.resolve(new Uint8Array(0)) : stored.snapshots.read(file, snapshot, offset, length),
  };
}

/** The same state in a group that was founded by one member. */
function ofOneMember({ start, snapshot = null, entries, hardState }: PersistentState, member: NodeId): PersistentState {
  const configuration = foundingConfiguration([member]);
  return {
    hardState,
    start: { ...start, configuration },
    snapshot: snapshot && { ...snapshot, configuration },
    // Who was in the other group is of no concern to this one.
    entries: entries.map((entry) =>
      entry.kind === 'configuration' ? { ...entry, kind: 'empty', data: new Uint8Array(0) } : entry,
    ),
  };
}

async function fill(storage: Storage, state: PersistentState, read: Bytes): Promise<void> {
  const { start, snapshot = null, hardState, entries } = state;
  const found = await new Promise((resolve) => {
    storage.load(resolve);
  });
  if (found instanceof RaftError) throw found;
  if (snapshot !== null) await stageAll(storage, snapshot, read);
  await write(storage, { start, snapshot, hardState, truncateFrom: null, entries });
}

async function stageAll(storage: Storage, snapshot: Snapshot, read: Bytes): Promise<void> {
  for (let offset = 0; offset < snapshot.bytes; offset += recordBytes) {
    const data = await read(offset, recordBytes);
    await new Promise<void>((resolve, reject) => {
      storage.stage({ snapshot, offset, data }, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }
}

function write(storage: Storage, batch: Batch): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.write(batch, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
