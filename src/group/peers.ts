/** The members of a group as one of them sees them: who is linked to us, and what each last said of itself. */
import { isMember, type MemberKind, memberKind, membersOf } from '../core/configuration.ts';
import type { Configuration, NodeId } from '../core/types.ts';
import type { MemberReport, Report } from '../transport/messages.ts';
import type { Transport } from '../transport/transport.ts';

export interface PeerStatus {
  readonly id: NodeId;
  /** As what it is in the group. */
  readonly kind: MemberKind;
  readonly isSelf: boolean;
  /** Whether there is a link. One to a frozen tab looks open. */
  readonly connected: boolean;
  /** What the member last said of itself; null before it did. */
  readonly report: MemberReport | null;
}

export class Peers {
  readonly #id: NodeId;
  readonly #configuration: () => Configuration;
  readonly #connected: Set<NodeId> = new Set();
  readonly #reports: Map<NodeId, MemberReport> = new Map();
  #toldLast: MemberReport | null = null;
  /** Counts what has changed here. */
  changes = 0;

  /** @param configuration the one in force */
  constructor(id: NodeId, configuration: () => Configuration) {
    this.#id = id;
    this.#configuration = configuration;
  }

  connected(peer: NodeId): void {
    this.#connected.add(peer);
    this.#toldLast = null;
    this.changes++;
  }

  disconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.changes++;
  }

  receive({ from, role, term, leader, commit, applied, lastIndex }: Report): void {
    if (!isMember(this.#configuration(), from)) return;
    this.#reports.set(from, { role, term, leader, commit, applied, lastIndex });
    this.changes++;
  }

  /** Tells the others how we are doing, if it is news to them. */
  tell(report: MemberReport, transport: Transport): void {
    if (this.#toldLast !== null && isSame(report, this.#toldLast)) return;
    this.#toldLast = report;
    const { role, term, leader, commit, applied, lastIndex } = report;
    for (const to of this.#connected) {
      const message: Report = { kind: 'Report', from: this.#id, to, role, term, leader, commit, applied, lastIndex };
      transport.send(to, message, 'control');
    }
  }

  /** Whether a member is ours, or linked to us. */
  isHere(id: NodeId): boolean {
    return id === this.#id || this.#connected.has(id);
  }

  /** Every member, in the order of ids. */
  list(own: MemberReport): PeerStatus[] {
    const configuration = this.#configuration();
    return membersOf(configuration).map((id) => {
      const kind = memberKind(configuration, id) ?? 'voter';
      const isSelf = id === this.#id;
      const report = isSelf ? own : (this.#reports.get(id) ?? null);
      return { id, kind, isSelf, connected: this.isHere(id), report };
    });
  }
}

function isSame(one: MemberReport, other: MemberReport): boolean {
  return (
    one.role === other.role &&
    one.term === other.term &&
    one.leader === other.leader &&
    one.commit === other.commit &&
    one.applied === other.applied &&
    one.lastIndex === other.lastIndex
  );
}
