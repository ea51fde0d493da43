/**
 * What a store is made to write, batch by batch: drawn from a seed, so that whoever knows the seed knows what a store must
 * hold after any number of batches.
 */
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { Entry, LogStart, NodeId, PersistentState, Snapshot } from '../../src/core/types.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';
import { MemoryDisk } from '../../src/storage/memory.ts';
import type { Batch, SnapshotPart } from '../../src/storage/storage.ts';

const nodes = ['a', 'b', 'c'] as NodeId[];
const founding: LogStart = { index: 0, term: 0, configuration: foundingConfiguration(nodes) };

export interface Step {
  /** What is staged before the batch. */
  readonly parts: readonly SnapshotPart[];
  readonly batch: Batch;
}

function randomBytes(random: Random, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.below(0x1_0000_0000);
  return new Uint8Array(words.buffer, 0, length);
}

/** Goes through the history of one store, and holds what a perfect one would hold. */
export class History {
  readonly #random: Random;
  readonly #disk: MemoryDisk = new MemoryDisk();
  #steps = 0;
  #term = 1;
  #last = 0;
  #commit = 0;
  #start: LogStart = founding;
  #terms: number[] = [0];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Batches so far. */
  get steps(): number {
    return this.#steps;
  }

  get state(): PersistentState | null {
    return this.#disk.state;
  }

  readSnapshot(snapshot: Snapshot): Uint8Array | null {
    return this.#disk.read(snapshot, 0, snapshot.bytes);
  }

  next(): Step {
    const step = this.#steps === 0 ? this.#found() : this.#draw();
    for (const part of step.parts) {
      const wrong = this.#disk.stage(part);
      if (wrong !== null) throw wrong;
    }
    this.#disk.perform(step.batch);
    this.#steps++;
    return step;
  }

  #found(): Step {
    return { parts: [], batch: { start: founding, hardState: null, truncateFrom: null, entries: [] } };
  }

  #draw(): Step {
    const random = this.#random;
    if (random.below(60) === 0 && this.#commit > this.#start.index) return this.#compact();
    let truncateFrom: number | null = null;
    const isNewTerm = random.below(8) === 0;
    if (isNewTerm) {
      this.#term++;
      if (random.below(2) === 0 && this.#last > this.#commit) {
        truncateFrom = this.#commit + 1 + random.below(this.#last - this.#commit);
        this.#last = truncateFrom - 1;
      }
    }
    const entries: Entry[] = [];
    for (let count = random.below(random.below(20) === 0 ? 300 : 6); count > 0; count--) {
      const index = ++this.#last;
      this.#terms[index] = this.#term;
      const length = random.below(random.below(50) === 0 ? 100_000 : 300);
      entries.push({ index, term: this.#term, kind: 'command', data: randomBytes(random, length) });
    }
    this.#commit += random.below(this.#last - this.#commit + 1);
    const vote = isNewTerm ? (nodes[random.below(3)] ?? null) : (this.#disk.state?.hardState.vote ?? null);
    const hasHardState = isNewTerm || random.below(3) > 0;
    const hardState = hasHardState ? { term: this.#term, vote, commit: this.#commit } : null;
    return { parts: [], batch: { hardState, truncateFrom, entries } };
  }

  #compact(): Step {
    const random = this.#random;
    const index = this.#start.index + 1 + random.below(this.#commit - this.#start.index);
    const term = this.#terms[index] ?? 0;
    const data = randomBytes(random, random.below(300_000));
    const { configuration } = founding;
    const snapshot: Snapshot = {
      index,
      term,
      configuration,
      id: `snapshot ${this.#steps}`,
      bytes: data.byteLength,
      checksum: crc32c(data),
    };
    const parts: SnapshotPart[] = [];
    for (let offset = 0; offset < data.byteLength; offset += 50_000) {
      parts.push({ snapshot, offset, data: data.slice(offset, offset + 50_000) });
    }
    this.#start = { index, term, configuration };
    const hardState = { term: this.#term, vote: this.#disk.state?.hardState.vote ?? null, commit: this.#commit };
    return { parts, batch: { snapshot, start: this.#start, hardState, truncateFrom: null, entries: [] } };
  }
}
