/** The outbox of a store as records. It knows their checksums, so that the journal can vouch for them. */
import { RaftError } from '../errors.ts';
import type { Change } from './group-records.ts';
import { decodeKeptCommand, decodePlacement, encodeKeptCommand, encodePlacement } from './outbox-records.ts';
import { addChecksums, checksumOf } from './records.ts';
import { emptyOutbox, type OutboxContent, type OutboxChange } from './storage.ts';
import type { Plan } from './stored-log.ts';

export class StoredOutbox {
  #loaded: OutboxContent = emptyOutbox;
  /** The checksum of each command, by its number. */
  readonly #checksums: Map<number, number> = new Map();
  #placementSum = 0;
  #sum = 0;

  /** What was there at the beginning. */
  get loaded(): OutboxContent {
    return this.#loaded;
  }

  get sum(): number {
    return this.#sum;
  }

  get unchanged(): Plan {
    return { changes: [], sum: this.#sum, done: () => undefined };
  }

  /**
   * Takes the records as they are stored.
   * @throws RaftError STORAGE_CORRUPT
   */
  load(placement: unknown, commands: readonly (readonly [number: number, record: unknown])[]): void {
    this.#loaded = {
      placement: placement === undefined ? null : decodePlacement(placement),
      commands: commands.map(([number, record]) => decodeKeptCommand(number, record)),
    };
    const { last = 0, next = 1 } = this.#loaded.placement ?? {};
    if (this.#loaded.commands.filter(({ number }) => number <= last).length >= next) {
      throw new RaftError(
        'STORAGE_CORRUPT',
        'the outbox has more commands than places; join the group as a new member',
      );
    }
    // Only what was decoded is known to be a record.
    this.#placementSum = sumOf(placement);
    for (const [number, record] of commands) this.#checksums.set(number, sumOf(record));
    this.#sum = [...this.#checksums.values()].reduce(addChecksums, this.#placementSum);
  }

  plan({ add, remove, placement }: OutboxChange): Plan {
    const changes: Change[] = [];
    const added = new Map<number, number>();
    const removed = new Set(remove);
    let sum = this.#sum;
    const drop = (number: number): void => {
      sum = addChecksums(sum, -(this.#checksums.get(number) ?? 0));
    };
    for (const command of add) {
      const { number } = command;
      if (removed.has(number)) continue;
      const bytes = encodeKeptCommand(command);
      drop(number);
      added.set(number, checksumOf(bytes));
      sum = addChecksums(sum, checksumOf(bytes));
      changes.push({ table: 'commands', key: [number], bytes });
    }
    for (const number of removed) drop(number);
    changes.push(...rangesOf(removed));
    const record = placement === undefined ? null : encodePlacement(placement);
    const placementSum = record === null ? this.#placementSum : checksumOf(record);
    sum = addChecksums(sum, placementSum - this.#placementSum);
    if (record !== null) changes.push({ table: 'placements', bytes: record });
    return {
      changes,
      sum,
      done: () => {
        for (const [number, checksum] of added) this.#checksums.set(number, checksum);
        for (const number of removed) this.#checksums.delete(number);
        this.#placementSum = placementSum;
        this.#sum = sum;
      },
    };
  }
}

function sumOf(record: unknown): number {
  return record instanceof Uint8Array ? checksumOf(record) : 0;
}

/** Commands mostly go in the order in which they came: one range for those that follow each other. */
function rangesOf(numbers: ReadonlySet<number>): Change[] {
  const ranges: { from: number; to: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.to === number) last.to++;
    else ranges.push({ from: number, to: number + 1 });
  }
  return ranges.map((range) => ({ table: 'commands', ...range }));
}
