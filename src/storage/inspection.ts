/** Looking into a store without taking it over: what it holds, and whether it checks out. */
import type { Configuration, HardState, Index, PersistentState, Term } from '../core/types.ts';
import { checkState } from '../core/persistent-state.ts';
import { crc32c } from '../encoding/crc32c.ts';
import type { GroupRecord } from './database.ts';
import type { RecordReader } from './group-records.ts';
import { decodeKept } from './snapshot-records.ts';
import { StoredState } from './stored-state.ts';

export interface SnapshotReport {
  readonly index: Index;
  readonly term: Term;
  readonly bytes: number;
  /** Null when every byte is the one that was stored. */
  readonly problem: string | null;
}

export interface StoreReport {
  /** Without the secret of the group: a report is there to be shown. */
  readonly record: Omit<GroupRecord, 'access'>;
  /** Null for a store that was never founded, or cannot be read. */
  readonly hardState: HardState | null;
  /** Where the log begins; of the founding, or of the newest snapshot. */
  readonly configuration: Configuration | null;
  /** The first and the last entry; null where there is none. */
  readonly log: { readonly first: Index; readonly last: Index; readonly lastTerm: Term } | null;
  /** The newest last. */
  readonly snapshots: readonly SnapshotReport[];
  /** Commands that were proposed here, and whose outcome was open. */
  readonly outbox: number;
  /** What is wrong with the records; empty when all of them check out. */
  readonly problems: readonly string[];
}

/** Snapshots are read in pieces of so many bytes. */
const pieceBytes = 1024 * 1024;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says what a store holds. A store that cannot be read is described as far as it can be. */
export async function inspectStore({ access: _, ...record }: GroupRecord, records: RecordReader): Promise<StoreReport> {
  const problems: string[] = [];
  const stored = await records.read();
  let state: PersistentState | null = null;
  const reader = new StoredState();
  try {
    state = reader.load(stored, Number.MAX_SAFE_INTEGER);
    if (state !== null) checkState(state);
  } catch (error) {
    problems.push(messageOf(error));
  }
  const snapshots: SnapshotReport[] = [];
  try {
    const kept = stored.snapshots === undefined ? [] : decodeKept(stored.snapshots);
    for (const { snapshot } of kept) {
      let problem: string | null = null;
      try {
        let checksum = 0;
        for (let offset = 0; offset < snapshot.bytes; offset += pieceBytes) {
          checksum = crc32c(await reader.snapshots.read(records, snapshot, offset, pieceBytes), checksum);
        }
        if (checksum !== snapshot.checksum) problem = 'the bytes fail the checksum of the snapshot';
      } catch (error) {
        problem = messageOf(error);
      }
      if (problem !== null) problems.push(`the snapshot of entry ${snapshot.index}: ${problem}`);
      snapshots.push({ index: snapshot.index, term: snapshot.term, bytes: snapshot.bytes, problem });
    }
  } catch (error) {
    problems.push(messageOf(error));
  }
  const [first, last] = [state?.entries.at(0), state?.entries.at(-1)];
  return {
    record,
    hardState: state?.hardState ?? null,
    configuration: state?.start.configuration ?? null,
    log: first && last ? { first: first.index, last: last.index, lastTerm: last.term } : null,
    snapshots,
    outbox: reader.outbox.loaded.commands.length,
    problems: [...new Set(problems)],
  };
}
