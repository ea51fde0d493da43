/**
 * The snapshots of one member: when one is taken and how its bytes get into the store, where received parts are kept, who
 * is sent parts, and how the machine is restored. The core decides what a snapshot means; here the bytes are moved.
 */
import type { Raft } from '../core/raft.ts';
import type { Random } from '../core/random.ts';
import type { SnapshotRead, StagedPart } from '../core/replica.ts';
import { type Entry, entryBytes, type Index, type LogStart, type Snapshot } from '../core/types.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { RaftError } from '../errors.ts';
import type { ReplicatedMachine } from '../machine/replicated.ts';
import { cutIntoParts, SectionReader } from '../machine/snapshot-stream.ts';
import type { Storage } from '../storage/storage.ts';

export interface SnapshotOptions {
  /** A snapshot is taken when so many entries were applied since the last one. */
  readonly entries: number;
  /** Or so many bytes of them, or as many as the last one has, if that is more. */
  readonly bytes: number;
}

export const defaultSnapshotOptions: SnapshotOptions = { entries: 10_000, bytes: 4 * 1024 * 1024 };

/** Bytes of a part in the store: larger values are stored apart, and slowly, by Chromium. */
const partBytes = 60 * 1024;

/** A random id has so many bits, in hexadecimal. */
const idWords = 4;

export interface SnapshotsInit {
  readonly raft: Raft;
  readonly storage: Storage;
  readonly machine: Pick<ReplicatedMachine<unknown, unknown, unknown>, 'snapshot' | 'restore'>;
  readonly random: Random;
  readonly options: SnapshotOptions;
  /** Does something when the store has answered, with everything that follows from it. */
  readonly react: (action: () => void) => void;
  /** The store failed for good. */
  readonly fail: (error: RaftError) => void;
  /** The machine is that of this index now, without having applied what leads there. */
  readonly restored: (index: Index) => void;
  /** The snapshot of this index is of a newer version of the machine than this code is: the machine is what it was. */
  readonly outgrown: (index: Index, error: RaftError) => void;
}

/** A snapshot of our own state on its way into the store. */
interface Taking {
  readonly point: LogStart;
  readonly id: string;
  readonly parts: Iterator<Uint8Array>;
  offset: number;
  checksum: number;
}

/** A snapshot on its way from the store into the machine. */
interface Restoring {
  readonly snapshot: Snapshot;
  readonly reader: SectionReader;
  offset: number;
  checksum: number;
}

export class Snapshots {
  readonly #init: SnapshotsInit;
  /** Since the last snapshot. */
  #entries = 0;
  #bytes = 0;
  #taking: Taking | null = null;
  #restoring: Restoring | null = null;
  #isOver = false;

  constructor(init: SnapshotsInit) {
    this.#init = init;
  }

  /** The machine does not hold yet what it will hold: nothing may be applied to it. */
  get isRestoring(): boolean {
    return this.#restoring !== null;
  }

  /** From now on the machine is not that of what is applied: no snapshot of it is taken any more. */
  end(): void {
    this.#isOver = true;
    this.#taking = null;
  }

  /** Counts what was applied. */
  applied(entries: readonly Entry[]): void {
    this.#entries += entries.length;
    for (const entry of entries) this.#bytes += entryBytes(entry);
    this.takeIfDue();
  }

  /** Takes a snapshot when it is time, and nothing stands against it: ask again later. */
  takeIfDue(): void {
    const { raft, options } = this.#init;
    const bytes = Math.max(options.bytes, raft.snapshot?.bytes ?? 0);
    if (this.#entries >= options.entries || this.#bytes >= bytes) this.take();
  }

  /** Takes a snapshot now, unless one is being taken or one too many would have to be kept. */
  take(): void {
    const { raft, machine, random } = this.#init;
    if (this.#isOver || this.#taking !== null || this.isRestoring || raft.isSendingOldSnapshot) return;
    const point = raft.snapshotPoint();
    if (point === null || point.index <= (raft.snapshot?.index ?? 0)) return;
    const id = Array.from({ length: idWords }, () =>
      random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
    this.#entries = 0;
    this.#bytes = 0;
    const parts = cutIntoParts(machine.snapshot(), partBytes);
    this.#taking = { point, id, parts, offset: 0, checksum: 0 };
    this.#stageNext(this.#taking);
  }

  /** One part after the other, so that no more than one of them is in memory beside the machine. */
  #stageNext(taking: Taking): void {
    const { raft, storage } = this.#init;
    const { point, id, offset } = taking;
    const next = taking.parts.next();
    if (next.done === true) {
      this.#taking = null;
      raft.snapshotTaken({ ...point, id, bytes: offset, checksum: taking.checksum });
      return;
    }
    const data = next.value;
    taking.offset += data.byteLength;
    taking.checksum = crc32c(data, taking.checksum);
    storage.stage({ snapshot: { index: point.index, id }, offset, data }, (error) => {
      this.#stopIfFailed(offset, error);
      this.#init.react(() => {
        // S9: without a new snapshot there is still the old one, and the log after it.
        if (this.#taking !== taking) return;
        if (error === null) this.#stageNext(taking);
        else this.#taking = null;
      });
    });
  }

  /** A batch that made a snapshot the newest one is durable. */
  promoted(snapshot: Snapshot, applied: Index): void {
    if (snapshot.index > applied) this.restore(snapshot);
    else this.#init.raft.compact();
  }

  /** Keeps a received part. What cannot be kept, or is not what it claims to be, is asked for anew (S6). */
  keep(part: StagedPart): void {
    const { raft, storage, react } = this.#init;
    storage.stage(part, (error) => {
      this.#stopIfFailed(part.offset, error);
      react(() => {
        if (error === null) raft.partStaged(part);
        else raft.partsDamaged(part.snapshot);
      });
    });
  }

  /**
   * D8: a part may be refused for what came before it, or for its bytes, and the snapshot begins anew. A store that does not
   * take a first part, though it has room, takes nothing any more.
   */
  #stopIfFailed(offset: number, error: RaftError | null): void {
    if (error === null || offset > 0 || error.code === 'QUOTA_EXCEEDED' || error.code === 'STORAGE_CORRUPT') return;
    this.#init.fail(error);
  }

  /** Reads a part for a member that is behind. */
  read(read: SnapshotRead): void {
    const { raft, storage, react } = this.#init;
    storage.readSnapshot(read.snapshot, read.offset, read.length, (result) => {
      react(() => {
        if (result instanceof RaftError) raft.reportSnapshot(read.to, 'failed');
        else raft.partRead(read, result);
      });
    });
  }

  /** Reads a snapshot into the machine, part by part; a later one takes the place of one that is being read. */
  restore(snapshot: Snapshot): void {
    if (this.#restoring !== null && this.#restoring.snapshot.index >= snapshot.index) return;
    if (snapshot.bytes === 0) {
      // M16: what a witness is sent says how far the group is; its machine holds nothing.
      this.#restoring = null;
      this.#init.restored(snapshot.index);
      return;
    }
    this.#restoring = { snapshot, reader: new SectionReader(), offset: 0, checksum: 0 };
    this.#entries = 0;
    this.#bytes = 0;
    this.#readNext(this.#restoring);
  }

  #readNext(restoring: Restoring): void {
    const { storage, react } = this.#init;
    const { snapshot, offset } = restoring;
    const length = Math.min(partBytes, snapshot.bytes - offset);
    if (length === 0) {
      this.#finish(restoring);
      return;
    }
    storage.readSnapshot(snapshot, offset, length, (result) => {
      react(() => {
        if (this.#restoring !== restoring) return;
        if (result instanceof RaftError) {
          this.#init.fail(result);
          return;
        }
        restoring.offset += result.byteLength;
        restoring.checksum = crc32c(result, restoring.checksum);
        try {
          restoring.reader.add(result);
        } catch (cause) {
          this.#init.fail(unreadable(snapshot, cause));
          return;
        }
        this.#readNext(restoring);
      });
    });
  }

  #finish({ snapshot, reader, checksum }: Restoring): void {
    const { machine, fail, restored, outgrown } = this.#init;
    try {
      if (checksum !== snapshot.checksum) throw new RangeError('its bytes fail their checksum');
      reader.end();
      machine.restore(reader.sections);
    } catch (cause) {
      if (cause instanceof RaftError && cause.code === 'UPGRADE_REQUIRED') {
        this.#restoring = null;
        outgrown(snapshot.index, cause);
      } else {
        fail(unreadable(snapshot, cause));
      }
      return;
    }
    this.#restoring = null;
    restored(snapshot.index);
  }
}

function unreadable({ index }: Snapshot, cause: unknown): RaftError {
  const message = `the snapshot of entry ${index} cannot be restored (${String(cause)}); join the group as a new member`;
  return new RaftError('STORAGE_CORRUPT', message, { cause });
}
