/**
 * Crashes of whole members in Node: three processes that are a group, over WebRTC and with LevelDB stores, under a flood of
 * commands from each. One of them is killed, or all at once; then those that are gone are started again, and what all have
 * is compared with what was acknowledged before.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ClassicLevel } from 'classic-level';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import type { Random } from '../../src/core/random.ts';
import type { GroupId } from '../../src/ids.ts';
import { LevelRecords, Ownership } from '../../src/storage/level-records.ts';
import { checkAgreement, type Ledger } from './ledger.ts';
import { type Asked, lineReader, type Said } from './messages.ts';
import { until } from './until.ts';

const script = fileURLToPath(new URL('member-process.ts', import.meta.url));
const members = 3;
const inFlight = 4;
const longestLifeMs = 1000;

/** One process, from its start to its end. */
class Process {
  readonly #child: ChildProcess;
  readonly #said: (said: Said) => void;
  readonly #waiting: ((said: Said) => void)[] = [];
  #ended: string | null = null;
  #isKilled = false;
  readonly #closed: Promise<void>;
  /** Its member is open. */
  readonly opened: Promise<Extract<Said, { kind: 'opened' }>>;

  constructor(directory: string, address: string, said: (said: Said) => void) {
    const args = ['--import', 'tsx', script, directory, address];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#said = said;
    child.stdout.on(
      'data',
      lineReader((line) => {
        this.#read(JSON.parse(line) as Said);
      }),
    );
    // Whoever writes to a process that was just killed is not told before.
    child.stdin.on('error', () => undefined);
    this.#closed = once(child, 'close').then(([code, signal]) => {
      this.#ended = `status ${String(code)}, signal ${String(signal)}`;
    });
    this.opened = this.next('opened');
    // Nobody waits for those that are killed before.
    this.opened.catch(() => undefined);
  }

  #read(message: Said): void {
    this.#said(message);
    for (const told of this.#waiting.splice(0)) told(message);
  }

  ask(asked: Asked): void {
    this.#child.stdin?.write(`${JSON.stringify(asked)}\n`);
  }

  /** What it says next of one kind. */
  async next<Kind extends Said['kind']>(kind: Kind): Promise<Extract<Said, { kind: Kind }>> {
    let found: Said | null = null;
    const listen = (said: Said): void => {
      if (said.kind === kind) found = said;
      else this.#waiting.push(listen);
    };
    this.#waiting.push(listen);
    await until(
      () => {
        if (this.#ended !== null)
          throw new Error(`a process has ended${this.#isKilled ? '' : ' by itself'}: ${this.#ended}`);
        return found !== null;
      },
      () => `a process said nothing of ${kind}`,
    );
    return found as unknown as Extract<Said, { kind: Kind }>;
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

export class MembersVictim {
  readonly #root: string = mkdtempSync(join(tmpdir(), 'flotilla-crash-'));
  readonly #broker: SignalingServer;
  readonly #random: Random;
  readonly ledger: Ledger;
  #processes: Process[] = [];
  #invite = '';
  #group = '' as GroupId;
  #round = 0;
  /** What a process has said that cannot be: it is thrown where somebody waits. */
  #contradiction: unknown = null;

  private constructor(broker: SignalingServer, random: Random, ledger: Ledger) {
    this.#broker = broker;
    this.#random = random;
    this.ledger = ledger;
  }

  /** Founds the group. */
  static async open(random: Random, ledger: Ledger): Promise<MembersVictim> {
    const broker = await createSignalingServer({ port: 0 });
    const victim = new MembersVictim(broker, random, ledger);
    const founder = victim.#start(0, broker.url);
    const { invite, group } = await founder.opened;
    victim.#invite = invite;
    victim.#group = group as GroupId;
    victim.#processes = [founder];
    for (let i = 1; i < members; i++) victim.#processes.push(victim.#start(i, invite));
    await victim.#settle('founded');
    return victim;
  }

  #directory(member: number): string {
    return join(this.#root, String(member));
  }

  #start(member: number, address: string): Process {
    return new Process(this.#directory(member), address, (said) => {
      if (said.kind !== 'acknowledged') return;
      try {
        this.ledger.acknowledge(said.said, said.leadership);
      } catch (error) {
        this.#contradiction ??= error;
      }
    });
  }

  /** One SIGKILL, of one process or of all three. */
  async kill(): Promise<void> {
    this.#round++;
    const before = this.ledger.acknowledgements;
    for (const [i, one] of this.#processes.entries()) one.ask({ kind: 'flood', name: `${this.#round}.${i}`, inFlight });
    const isEarly = this.#random.below(5) === 0;
    if (!isEarly) {
      await until(
        () => this.ledger.acknowledgements > before,
        () => 'no command was acknowledged',
      );
    }
    await sleep(this.#random.below(longestLifeMs));
    const all = [...this.#processes.keys()];
    await this.#killAndRestart(this.#random.below(2) === 0 ? all : [this.#random.below(members)]);
    // And sometimes again, while they are being opened.
    while (this.#random.below(4) === 0) {
      await sleep(this.#random.below(longestLifeMs));
      await this.#killAndRestart([this.#random.below(members)]);
    }
    for (const one of this.#processes) await one.opened;
    for (const one of this.#processes) {
      const calm = one.next('calm');
      one.ask({ kind: 'calm' });
      await calm;
    }
    await this.#settle(`round ${this.#round}`);
  }

  /** Those that live go on meanwhile. */
  async #killAndRestart(victims: readonly number[]): Promise<void> {
    await Promise.all(victims.map((i) => this.#at(i).kill()));
    for (const i of victims) {
      await this.#readVotes(i);
      this.#processes[i] = this.#start(i, this.#invite);
    }
  }

  #at(member: number): Process {
    const found = this.#processes[member];
    if (found === undefined) throw new Error(`there is no process ${member}`);
    return found;
  }

  /** Reads what a killed process has on its disk, past the library's own loading. */
  async #readVotes(member: number): Promise<void> {
    const directory = this.#directory(member);
    const level = new ClassicLevel<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
    await level.open();
    try {
      const { hardStates } = await new LevelRecords(level, this.#group, new Ownership(), 'strict').read();
      const records = hardStates.map(([, record]) => record as Uint8Array);
      this.ledger.readVotes(`member ${member}`, records);
    } finally {
      await level.close();
    }
  }

  /** Waits until all members agree, and compares what they have with what was ever acknowledged. */
  async #settle(name: string): Promise<void> {
    const [first] = this.#processes;
    if (first === undefined) throw new Error('there is no process');
    const proposed = first.next('proposed');
    first.ask({ kind: 'propose', command: `settled ${name}` });
    const { result } = await proposed;
    if (!/^\d+$/.test(result)) throw new Error(`the group does not commit: ${result}`);
    let states: (readonly string[])[] = [];
    await until(
      async () => {
        states = await Promise.all(this.#processes.map((one) => this.#stateOf(one)));
        const lengths = states.map(({ length }) => length);
        return Math.min(...lengths) >= Number(result) && Math.min(...lengths) === Math.max(...lengths);
      },
      () => `the members have ${states.map(({ length }) => length).join(', ')} commands, of at least ${result}`,
    );
    checkAgreement(this.ledger, states);
    if (this.#contradiction !== null) throw this.#contradiction as Error;
  }

  async #stateOf(one: Process): Promise<readonly string[]> {
    const said = one.next('state');
    one.ask({ kind: 'state' });
    return (await said).state;
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.kill()));
    await this.#broker.close();
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}
