/**
 * `@coaty/consensus.raft` as a contender: a port of etcd's raft from Go to TypeScript, and the best other core in this
 * language that we know of. Its `RawNode` is driven as its documentation says (persist, send, apply, advance), with its
 * own `MemoryStorage`, no limits on sizes, and its logger silenced. Its commands are strings, because it takes whatever
 * JSON can hold and weighs it as JSON: a `Uint8Array` would cost it many times as much.
 *
 * The package wraps that core in a controller over MQTT and SQLite, which does not take part: package.json replaces what
 * only the controller needs (it builds, or downloads, a native database), and the controller is kept from loading here.
 * The core uses nothing of it but one constant.
 */
import { createRequire, Module } from 'node:module';
import type * as Loggers from '@coaty/consensus.raft/ported/logger.js';
import type * as Rafts from '@coaty/consensus.raft/ported/raft.js';
import type * as Protocol from '@coaty/consensus.raft/ported/raftpb/raft.pb.js';
import type * as RawNodes from '@coaty/consensus.raft/ported/rawnode.js';
import type * as Storages from '@coaty/consensus.raft/ported/storage.js';
import { type Contender, type Group, Tally, voterNames } from './contender.ts';

const require = createRequire(import.meta.url);
const load = (part: string): unknown => require(`@coaty/consensus.raft/${part}`);

const controller = require.resolve('@coaty/consensus.raft/non-ported/raft-controller.js');
require.cache[controller] = Object.assign(new Module(controller), { loaded: true, exports: { emptyRaftData: null } });

const { discardLogger, setLogger } = load('ported/logger.js') as typeof Loggers;
const { noLimit, RaftConfig, StateType } = load('ported/raft.js') as typeof Rafts;
const { Entry, EntryType, Message, MessageType } = load('ported/raftpb/raft.pb.js') as typeof Protocol;
const { RawNode } = load('ported/rawnode.js') as typeof RawNodes;
const { MemoryStorage } = load('ported/storage.js') as typeof Storages;

setLogger(discardLogger);

function demand(error: Error | null): void {
  if (error !== null) throw error;
}

class Voter {
  readonly storage: Storages.MemoryStorage = MemoryStorage.NewMemoryStorage();
  readonly node: RawNodes.RawNode;
  readonly tally: Tally = new Tally();

  constructor(id: string, voters: readonly string[]) {
    this.storage.snapshot.metadata.confState.voters = [...voters];
    this.node = RawNode.NewRawNode(
      new RaftConfig({
        id,
        electionTick: 10,
        heartbeatTick: 1,
        storage: this.storage,
        maxSizePerMsg: noLimit,
        maxCommittedSizePerReady: noLimit,
        maxInflightMsgs: 256,
        preVote: true,
        checkQuorum: true,
      }),
    );
  }
}

class PeerGroup implements Group<string> {
  readonly #voters: readonly Voter[];
  readonly #byId: ReadonlyMap<string, Voter>;
  readonly #leader: RawNodes.RawNode;

  constructor(count: number) {
    const ids = voterNames(count);
    this.#voters = ids.map((id) => new Voter(id, ids));
    this.#byId = new Map(ids.map((id, i) => [id, this.#voters[i]] as [string, Voter]));
    const [first] = this.#voters;
    if (first === undefined) throw new RangeError('a group needs a voter');
    this.#leader = first.node;
    demand(this.#leader.campaign());
    this.settle();
    if (this.#leader.raft.state !== StateType.StateLeader) throw new Error('the first voter was not elected');
  }

  get tallies(): readonly Tally[] {
    return this.#voters.map(({ tally }) => tally);
  }

  propose(command: string): void {
    demand(this.#leader.propose(command));
  }

  proposeAll(commands: readonly string[]): void {
    const entries = commands.map((data) => new Entry({ data }));
    demand(this.#leader.step(new Message({ type: MessageType.MsgProp, from: this.#leader.raft.id, entries })));
  }

  settle(): void {
    for (let worked = true; worked;) {
      worked = false;
      for (const voter of this.#voters) if (this.#work(voter)) worked = true;
    }
  }

  #work({ node, storage, tally }: Voter): boolean {
    let worked = false;
    while (node.hasReady()) {
      worked = true;
      const ready = node.ready();
      if (!ready.hardState.isEmptyHardState()) demand(storage.SetHardState(ready.hardState));
      demand(storage.Append(ready.entries));
      for (const message of ready.messages) demand(this.#byId.get(message.to)?.node.step(message) ?? null);
      for (const { type, data } of ready.committedEntries) {
        if (type === EntryType.EntryNormal && data !== null) tally.add(keyOf(data as string));
      }
      node.advance(ready);
    }
    return worked;
  }
}

function keyOf(data: string): number {
  return (data.charCodeAt(0) << 14) + (data.charCodeAt(1) << 7) + data.charCodeAt(2);
}

export const peerCore: Contender<string> = {
  command: (number, bytes) => number.toString(16).padStart(3, '0').padEnd(bytes, '.'),
  keyOf,
  found: (voters) => new PeerGroup(voters),
};
