/** The safety properties of figure 3 of the paper, looked for in a whole cluster: whoever breaks one is named. */
import type { Entry, NodeId, Term } from '../../src/core/types.ts';
import type { Cluster } from './cluster.ts';

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A witness holds entries without their commands (M16). */
const same = (one: Entry | undefined, other: Entry | undefined): boolean =>
  one === other ||
  (one?.term === other?.term &&
    one?.kind === other?.kind &&
    (one?.data.length === 0 || other?.data.length === 0 || String(one?.data) === String(other?.data)));

export class SafetyChecker {
  readonly #cluster: Cluster;
  readonly #leaders: Map<Term, NodeId> = new Map();
  readonly #committed: Entry[] = [];
  /** What each leader held when it was last looked at, to see that it only appends. */
  readonly #leaderLogs: Map<string, readonly Entry[]> = new Map();
  #seen = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get commits(): number {
    return this.#committed.length;
  }

  get leaderChanges(): number {
    return this.#leaders.size;
  }

  check(): void {
    this.#electionSafety();
    const logs = new Map([...this.#cluster.members].map(([name, member]) => [name, member.entries]));
    this.#leadersOnlyAppend(logs);
    this.#logMatching([...logs.values()]);
    this.#stateMachineSafety();
    this.#leaderCompleteness(logs);
  }

  #electionSafety(): void {
    for (const event of this.#cluster.trace.slice(this.#seen)) {
      if (event.name !== 'BecomeLeader') continue;
      demand(!this.#leaders.has(event.state.term), `term ${event.state.term} has two leaders`);
      this.#leaders.set(event.state.term, event.node);
    }
    this.#seen = this.#cluster.trace.length;
  }

  #leadersOnlyAppend(logs: ReadonlyMap<string, readonly Entry[]>): void {
    for (const [name, log] of logs) {
      const { role, term } = this.#cluster.member(name).status;
      if (role !== 'leader') continue;
      const before = this.#leaderLogs.get(`${name} ${term}`) ?? [];
      demand(
        before.every((entry, i) => log[i] === entry),
        `${name} rewrote its log while it led term ${term}`,
      );
      this.#leaderLogs.set(`${name} ${term}`, log);
    }
  }

  #logMatching(logs: readonly (readonly Entry[])[]): void {
    for (const one of logs) {
      for (const other of logs) {
        let i = Math.min(one.length, other.length) - 1;
        while (i >= 0 && one[i]?.term !== other[i]?.term) i--;
        for (; i >= 0; i--) demand(same(one[i], other[i]), `two logs differ at ${i + 1}, before an equal term`);
      }
    }
  }

  #stateMachineSafety(): void {
    for (const member of this.#cluster.members.values()) {
      member.applied.forEach((entry, i) => {
        demand(entry.index === i + 1, `${member.id} applied ${entry.index} at ${i + 1}`);
        if ((this.#committed[i]?.data.length ?? 0) === 0) this.#committed[i] = entry;
        demand(same(this.#committed[i], entry), `two members applied different entries at ${entry.index}`);
      });
    }
  }

  #leaderCompleteness(logs: ReadonlyMap<string, readonly Entry[]>): void {
    const name = this.#cluster.leader;
    const newest = Math.max(0, ...[...this.#cluster.members.values()].map(({ status }) => status.term));
    if (name === undefined || this.#cluster.member(name).status.term < newest) return;
    const log = logs.get(name) ?? [];
    this.#committed.forEach((entry, i) => demand(same(log[i], entry), `leader ${name} lacks committed entry ${i + 1}`));
  }
}
