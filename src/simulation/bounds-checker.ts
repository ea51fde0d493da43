/**
 * L6: whatever could grow is held to what the options allow, at every step. What a leader has taken in and not committed,
 * what is on its way to others, and the log are counted here anew from the trace; for what only the member itself knows
 * (windows, reads that wait) its own count is taken.
 */
import type { RaftOptions } from '../core/options.ts';
import type { TraceEvent } from '../core/trace.ts';
import { type AppendEntries, entryBytes, type Index } from '../core/types.ts';
import type { ProposalLimits } from '../group/proposal-limits.ts';
import type { SnapshotOptions } from '../group/snapshots.ts';
import type { Run } from './run-of-member.ts';
import type { Accuse } from './violation.ts';

/** What the options say. */
export interface Limits {
  readonly raft: RaftOptions;
  readonly proposals: ProposalLimits;
  readonly snapshots: SnapshotOptions;
}

/** Two may be due before one is there: one that was given up, and the one after it. */
const snapshotsDue = 2;

export class BoundsChecker {
  readonly #accuse: Accuse;
  readonly #limits: Limits;
  /** Entries that leaders have appended. */
  replicated = 0;

  constructor(accuse: Accuse, limits: Limits) {
    this.#accuse = accuse;
    this.#limits = limits;
  }

  traced(run: Run, event: TraceEvent): void {
    switch (event.name) {
      case 'BecomeLeader':
        run.uncommitted.clear();
        break;
      case 'Replicate':
        this.replicated++;
        if (event.entry.kind === 'command') run.uncommitted.add(event.entry.index, entryBytes(event.entry));
        break;
      case 'SendSelfAppend':
        this.#checkUncommitted(run);
        break;
      case 'Commit':
        run.uncommitted.dropTo(event.state.commit);
        break;
      case 'SendAppendEntries':
        if (event.message.kind === 'AppendEntries' && event.message.entries.length > 0) {
          this.#checkAppend(run, event.message);
        }
        break;
      case 'SendInstallSnapshot':
        if (event.message.kind === 'InstallSnapshot') this.#checkPart(run, event.message.data.byteLength);
        break;
      case 'ReadStart':
        this.#checkReads(run);
        break;
      default:
        break;
    }
  }

  /** What was proposed together comes in wholly, or not; the first of all comes in whatever its size (R18). */
  #checkUncommitted({ id, uncommitted }: Run): void {
    const { maxUncommittedBytes } = this.#limits.raft;
    const { bytes, fresh } = uncommitted;
    uncommitted.fresh = 0;
    if (fresh === 0 || bytes === fresh || bytes <= maxUncommittedBytes) return;
    this.#accuse('L6', `${id} has ${bytes} bytes that are not committed, where ${maxUncommittedBytes} are allowed`);
  }

  /** R14, R17: before this append, the window had room; and it is no larger than a message may be. */
  #checkAppend({ id, raft }: Run, { to, entries }: AppendEntries): void {
    const { maxMessageBytes, maxInflightMessages, maxInflightBytes } = this.#limits.raft;
    let bytes = 0;
    for (const entry of entries) bytes += entryBytes(entry);
    if (entries.length > 1 && bytes > maxMessageBytes) {
      this.#accuse('L6', `${id} sends ${bytes} bytes of entries at once, where ${maxMessageBytes} are allowed`);
    }
    const progress = raft.progressOf(to);
    if (progress?.state !== 'replicate') return;
    const { inflight, inflightBytes } = progress;
    if (inflight >= maxInflightMessages || (inflight > 0 && inflightBytes >= maxInflightBytes)) {
      this.#accuse('L6', `${id} sends to ${to}, with ${inflight} appends of ${inflightBytes} bytes on their way`);
    }
  }

  #checkPart({ id }: Run, bytes: number): void {
    const { snapshotPartBytes } = this.#limits.raft;
    if (bytes > snapshotPartBytes) {
      this.#accuse('L6', `${id} sends a part of ${bytes} bytes, where ${snapshotPartBytes} are allowed`);
    }
  }

  #checkReads({ id, raft }: Run): void {
    const { maxPendingReads } = this.#limits.raft;
    const { pendingReads } = raft;
    if (pendingReads >= maxPendingReads) this.#accuse('L6', `${id} begins a read while ${pendingReads} wait`);
  }

  /** An event of this member is over. */
  settled(run: Run): void {
    const { id, raft, home } = run;
    const { maxPending, maxPendingBytes } = this.#limits.proposals;
    const { pendingCommands: commands, pendingCommandBytes: bytes } = home;
    if (commands > maxPending || (commands > 1 && bytes > maxPendingBytes)) {
      this.#accuse('L6', `${commands} commands of ${bytes} bytes wait at ${id}`);
    }
    if (raft.snapshot !== run.snapshot) this.#checkCompacted(run);
    if (raft.appliedIndex !== run.counted) this.#checkSnapshotDue(run);
    if (home.bytesBeingRead > this.#limits.raft.snapshotWindowBytes) this.#checkReading(run);
  }

  /** When a snapshot is durable no more than the tail stays of what it holds, but for what is being sent (S8). */
  #checkCompacted(run: Run): void {
    const { id, raft } = run;
    const { snapshot, startIndex } = raft;
    run.snapshot = snapshot;
    if (snapshot === null) return;
    run.sinceSnapshot.dropTo(snapshot.index);
    const { trailingEntries, trailingBytes } = this.#limits.raft;
    let bytes = 0;
    for (let index = startIndex + 1; index <= snapshot.index; index++) {
      const entry = raft.entryAt(index);
      bytes += entry === undefined ? 0 : entryBytes(entry);
    }
    if (snapshot.index - startIndex <= trailingEntries && bytes <= trailingBytes) return;
    if (startIndex >= firstBeingSent(run)) return;
    this.#accuse('L6', `${id} keeps ${snapshot.index - startIndex} entries, ${bytes} bytes, behind its snapshot`);
  }

  /** When enough was applied since the last snapshot the next one is on its way to the disk. */
  #checkSnapshotDue(run: Run): void {
    const { id, raft, home } = run;
    const { appliedIndex, snapshot } = raft;
    // What a snapshot has brought was not applied.
    for (let index = Math.max(run.counted, snapshot?.index ?? 0) + 1; index <= appliedIndex; index++) {
      const entry = raft.entryAt(index);
      run.sinceSnapshot.add(index, entry === undefined ? 0 : entryBytes(entry));
    }
    run.counted = appliedIndex;
    const { entries, bytes } = this.#limits.snapshots;
    const { count, bytes: size } = run.sinceSnapshot;
    const bytesDue = snapshotsDue * Math.max(bytes, snapshot?.bytes ?? 0);
    const wasDue = run.isSnapshotDue;
    run.isSnapshotDue = count >= snapshotsDue * entries || size >= bytesDue;
    // What was applied just now may be seen before the machine has it.
    if (!run.isSnapshotDue || !wasDue) return;
    if (home.isKeepingSnapshot || firstBeingSent(run) < Number.POSITIVE_INFINITY) return;
    this.#accuse('L6', `${id} has applied ${count} entries, ${size} bytes, since its snapshot, and takes none`);
  }

  /** For each member that is sent one, a window is read ahead; and a snapshot of our own, part by part. */
  #checkReading({ id, raft, home }: Run): void {
    const { snapshotWindowBytes, snapshotPartBytes } = this.#limits.raft;
    let windows = 1;
    for (const { pendingSnapshot } of raft.status().progress.values()) if (pendingSnapshot !== null) windows++;
    const allowed = windows * Math.max(snapshotWindowBytes, snapshotPartBytes) + ownPartBytes;
    if (home.bytesBeingRead > allowed) {
      this.#accuse('L6', `${id} reads ${home.bytesBeingRead} bytes of snapshots at once, where ${allowed} are allowed`);
    }
  }
}

/** Of a snapshot that goes into the machine. */
const ownPartBytes = 60 * 1024;

/** The log is kept from there on for those who are being sent a snapshot; without end if there are none. */
function firstBeingSent({ raft }: Run): Index {
  let first = Number.POSITIVE_INFINITY;
  for (const { pendingSnapshot } of raft.status().progress.values()) {
    if (pendingSnapshot !== null) first = Math.min(first, pendingSnapshot);
  }
  return first;
}
