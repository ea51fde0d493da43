/**
 * Crashes of a process with a LevelDB store: it writes without end, is killed, and what it left behind must be exactly what
 * a perfect store holds after the last batch that it said was durable, or after one of those that were on their way.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Random } from '../../src/core/random.ts';
import type { PersistentState, Snapshot } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import type { GroupId } from '../../src/ids.ts';
import { LevelDatabase } from '../../src/node/index.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { History } from './history.ts';

export const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;

const victim = fileURLToPath(new URL('store-process.ts', import.meta.url));
const longestLifeMs = 600;

/** What may have been written when the last acknowledgement was: batches on their way, and their number is known. */
const mostInFlight = 200;

function load(storage: Storage): Promise<PersistentState | null> {
  return new Promise((resolve, reject) => {
    storage.load((result) => {
      if (result instanceof RaftError) reject(result);
      else resolve(result);
    });
  });
}

function read(storage: Storage, snapshot: Snapshot): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    storage.readSnapshot(snapshot, 0, snapshot.bytes, (result) => {
      if (result instanceof RaftError) reject(result);
      else resolve(result);
    });
  });
}

export class StoreVictim {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'flotilla-crash-'));
  readonly #random: Random;
  readonly #seed: number;
  /** Batches that are known to be there. */
  #written = 0;
  #acknowledgements = 0;

  constructor(seed: number, random: Random) {
    this.#seed = seed;
    this.#random = random;
  }

  get acknowledgements(): number {
    return this.#acknowledgements;
  }

  /** One SIGKILL of the process. */
  async kill(): Promise<void> {
    const args = ['--import', 'tsx', victim, this.#directory, String(this.#seed), String(this.#written)];
    const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = this.#written;
    let text = '';
    const first = new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => {
        reject(new Error(`the process ended by itself, with ${code ?? 'a signal'}`));
      });
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const number = Number(line);
          if (number !== acknowledged + 1) throw new Error(`batch ${number} was acknowledged after ${acknowledged}`);
          acknowledged = number;
        }
        resolve();
      });
    });
    await first;
    const closed = once(child, 'close');
    await sleep(this.#random.below(longestLifeMs));
    child.kill('SIGKILL');
    await closed;
    this.#acknowledgements += acknowledged - this.#written;
    this.#written = await this.#compare(acknowledged);
  }

  /** Gives how many batches are there. */
  async #compare(acknowledged: number): Promise<number> {
    const history = new History(this.#seed);
    while (history.steps < acknowledged) history.next();
    const database = await LevelDatabase.open(this.#directory);
    try {
      const storage = database.storage(group);
      const state = await load(storage);
      while (!isDeepStrictEqual(state, history.state)) {
        if (history.steps === acknowledged + mostInFlight) {
          const found = `entries ${state?.entries[0]?.index ?? 0} to ${state?.entries.at(-1)?.index ?? 0}`;
          throw new Error(`what is there (${found}) is not what ${acknowledged} batches, or more, leave behind`);
        }
        history.next();
      }
      if (state?.snapshot) {
        const bytes = await read(storage, state.snapshot);
        const expected = history.readSnapshot(state.snapshot);
        if (expected === null || Buffer.compare(bytes, expected) !== 0) throw new Error('the snapshot is another one');
      }
      return history.steps;
    } finally {
      await database.close();
    }
  }

  close(): void {
    rmSync(this.#directory, { recursive: true });
  }
}
