/** Our core as a contender, driven as a driver of its own would: take what is ready, send, write, apply, say so. */
import { emptyState, Raft } from '../src/core/raft.ts';
import { seededRandom } from '../src/core/random.ts';
import type { NodeId } from '../src/core/types.ts';
import { type Contender, type Group, Tally, voterNames } from './contender.ts';

class Voter {
  readonly raft: Raft;
  readonly tally: Tally = new Tally();

  constructor(id: NodeId, voters: readonly NodeId[], seed: number) {
    this.raft = new Raft({ id, persistent: emptyState(voters), random: seededRandom(seed) });
  }
}

export class OurGroup implements Group<Uint8Array> {
  readonly #voters: readonly Voter[];
  readonly #byId: ReadonlyMap<NodeId, Voter>;
  readonly #leader: Raft;

  constructor(count: number) {
    const ids = voterNames(count) as NodeId[];
    this.#voters = ids.map((id, i) => new Voter(id, ids, i + 1));
    this.#byId = new Map(ids.map((id, i) => [id, this.#voters[i]] as [NodeId, Voter]));
    const [first] = this.#voters;
    if (first === undefined) throw new RangeError('a group needs a voter');
    this.#leader = first.raft;
    this.#leader.campaign();
    this.settle();
    if (this.#leader.role !== 'leader') throw new Error('the first voter was not elected');
  }

  get tallies(): readonly Tally[] {
    return this.#voters.map(({ tally }) => tally);
  }

  propose(command: Uint8Array): void {
    const result = this.#leader.propose(command);
    if (!result.accepted) throw new Error(`refused: ${result.reason}`);
  }

  proposeAll(commands: readonly Uint8Array[]): void {
    const result = this.#leader.propose(commands);
    if (!result.accepted) throw new Error(`refused: ${result.reason}`);
  }

  settle(): void {
    for (let worked = true; worked;) {
      worked = false;
      for (const voter of this.#voters) if (this.#work(voter)) worked = true;
    }
  }

  #work({ raft, tally }: Voter): boolean {
    let worked = false;
    for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
      worked = true;
      for (const message of ready.messages) this.#byId.get(message.to)?.raft.step(message);
      for (const { kind, data } of ready.committed) if (kind === 'command') tally.add(keyOf(data));
      raft.advance(ready);
    }
    return worked;
  }

  /** Every voter takes a snapshot of what it has applied, and drops the entries that it holds. */
  compact(): void {
    for (const { raft, tally } of this.#voters) {
      const point = raft.snapshotPoint();
      if (point === null) throw new Error('nobody is sent a snapshot here');
      raft.snapshotTaken({ ...point, id: `${point.index}`, bytes: 8, checksum: tally.hash });
    }
    this.settle();
    for (const { raft } of this.#voters) raft.compact();
    this.settle();
  }
}

function keyOf(data: Uint8Array): number {
  return (data[0] ?? 0) + (data[1] ?? 0) * 256;
}

export const ourCore: Contender<Uint8Array> = {
  command(number, bytes) {
    const data = new Uint8Array(bytes);
    data[0] = number & 255;
    data[1] = number >> 8;
    return data;
  },
  keyOf,
  found: (voters) => new OurGroup(voters),
};
