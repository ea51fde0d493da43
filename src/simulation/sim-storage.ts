/**
 * The store of one run of a process: takes its time, fails when it is told to, and loses in a crash what is not on disk
 * yet. Operations reach the disk in the order of issue, also while the process is frozen.
 */
import type { PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import {
  type Batch,
  type Durability,
  emptyOutbox,
  type OutboxContent,
  type OutboxChange,
  type SnapshotPart,
  type Storage,
} from '../storage/storage.ts';
import type { EventQueue } from './event-queue.ts';
import type { SimDisk } from './sim-disk.ts';

/** How a disk behaves at present. */
export interface DiskFaults {
  /** Milliseconds that the next operation takes. */
  delay(): number;
  /** Milliseconds that opening the store takes beside. */
  openDelay: number;
  /** Operations that fail before they reach the disk. */
  failingWrites: number;
  failingReads: number;
  /** Operations that reach the disk and fail all the same: the worst that an aborted transaction can look like. */
  failingAfterWrites: number;
}

export interface SimStorageInit {
  readonly queue: EventQueue;
  readonly disk: SimDisk;
  readonly faults: DiskFaults;
  /** Tells the process, when it is awake. */
  readonly tell: (action: () => void) => void;
  /** An operation is about to reach the disk. */
  readonly writing: (batch: Batch) => void;
  /** What a batch becomes on its way: a fault of the mutant. */
  readonly writes: (batch: Batch) => Batch;
  /** The same of a change of the outbox. */
  readonly keeps: (change: OutboxChange) => OutboxChange;
  /** Says of a batch whether it is acknowledged before it is durable: a fault of the mutant, not of the disk. */
  readonly acknowledgesEarly: (batch: Batch) => boolean;
}

interface Operation {
  readonly isPart: boolean;
  /** It is a part of a snapshot, or makes one the newest. */
  readonly isOfSnapshot: boolean;
  readonly perform: () => void;
  readonly done: (error: RaftError | null) => void;
}

export class SimStorage implements Storage {
  readonly durability: Durability = 'strict';
  readonly #init: SimStorageInit;
  readonly #epoch: number;
  /** Issued, and not on disk. */
  #pending: Operation[] = [];
  /** Snapshots, and parts of some, whose member has not heard yet that they are kept, or are not. */
  #untold = 0;
  #free = 0;
  #failure: RaftError | null = null;
  #isGone = false;
  #outbox: OutboxContent = emptyOutbox;
  /** Bytes of snapshots that are being read. */
  bytesBeingRead = 0;

  constructor(init: SimStorageInit) {
    this.#init = init;
    this.#epoch = ++init.disk.epoch;
    init.disk.clean();
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    const { queue, tell, disk, faults } = this.#init;
    queue.after(faults.openDelay + faults.delay(), () => {
      tell(() => {
        this.#outbox = disk.outbox.content;
        done(this.#failsToRead() ?? disk.state);
      });
    });
  }

  get outbox(): OutboxContent {
    return this.#outbox;
  }

  keep(change: OutboxChange, done: (error: RaftError | null) => void): void {
    const { disk, keeps } = this.#init;
    const perform = (): void => {
      disk.outbox.change(keeps(change));
    };
    this.#issue({ isPart: false, isOfSnapshot: false, perform, done });
  }

  #failsToRead(): RaftError | null {
    const { faults, disk } = this.#init;
    if (disk.isDamaged) return new RaftError('STORAGE_CORRUPT', 'a record fails its checksum');
    if (faults.failingReads === 0) return null;
    faults.failingReads--;
    return new RaftError('STORAGE_FAILED', 'the disk could not be read');
  }

  write(batch: Batch, done: (error: RaftError | null) => void): void {
    const { queue, disk, writing, acknowledgesEarly, tell } = this.#init;
    const isEarly = acknowledgesEarly(batch);
    const perform = (): void => {
      const written = this.#init.writes(batch);
      writing(written);
      disk.perform(written);
    };
    this.#issue({
      isPart: false,
      isOfSnapshot: (batch.snapshot ?? null) !== null,
      perform,
      done: isEarly ? () => undefined : done,
    });
    if (isEarly) {
      queue.after(0, () => {
        tell(() => {
          done(null);
        });
      });
    }
  }

  stage(part: SnapshotPart, done: (error: RaftError | null) => void): void {
    const { disk } = this.#init;
    const perform = (): void => {
      disk.stage(part);
    };
    this.#issue({ isPart: true, isOfSnapshot: true, perform, done });
  }

  #issue(operation: Operation): void {
    const { queue, faults } = this.#init;
    this.#pending.push(operation);
    if (operation.isOfSnapshot) this.#untold++;
    this.#free = Math.max(this.#free, queue.now + faults.delay());
    queue.after(this.#free - queue.now, () => {
      if (this.#pending[0] === operation && !this.#isGone) this.#perform();
    });
  }

  #perform(): void {
    const operation = this.#pending.shift();
    if (operation === undefined) return;
    const { faults, disk, tell } = this.#init;
    if (disk.epoch !== this.#epoch) {
      this.#failure ??= new RaftError('STORAGE_FAILED', 'somebody else has opened this store since');
    } else if (faults.failingWrites > 0) {
      faults.failingWrites--;
      this.#failure ??= new RaftError('STORAGE_FAILED', 'the disk is full');
    }
    if (this.#failure === null) operation.perform();
    if (this.#failure === null && faults.failingAfterWrites > 0) {
      faults.failingAfterWrites--;
      this.#failure = new RaftError('STORAGE_FAILED', 'the transaction was aborted, or so it is said');
    }
    const failure = this.#failure;
    tell(() => {
      if (operation.isOfSnapshot) this.#untold--;
      operation.done(failure);
    });
  }

  readSnapshot(
    snapshot: Snapshot,
    offset: number,
    length: number,
    done: (result: Uint8Array | RaftError) => void,
  ): void {
    const { queue, tell, disk, faults } = this.#init;
    this.bytesBeingRead += length;
    queue.after(faults.delay(), () => {
      const data = disk.read(snapshot, offset, length);
      tell(() => {
        this.bytesBeingRead -= length;
        done(this.#failsToRead() ?? data ?? new RaftError('STORAGE_FAILED', 'the snapshot is not kept any more'));
      });
    });
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  get isStaging(): boolean {
    return this.#pending.some(({ isPart }) => isPart);
  }

  /** A snapshot, or a part of one, is on its way to the disk, or the news of it on its way back. */
  get isKeepingSnapshot(): boolean {
    return this.#untold > 0;
  }

  /** The process is gone. Of what was on its way, the first so many operations reach the disk; the rest is lost. */
  crash(reached: (pending: number) => number): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const isOurs = this.#init.disk.epoch === this.#epoch && this.#failure === null;
    const count = isOurs ? reached(this.#pending.length) : 0;
    for (const { perform } of this.#pending.splice(0).slice(0, count)) perform();
  }

  close(): void {
    this.#failure ??= new RaftError('CLOSED', 'the storage is closed');
  }
}
