/** The members of a group as one of them sees them: who is linked to us, and what each last said of itself. */
import type { MemberKind } from '../core/configuration.ts';
import type { NodeId } from '../core/types.ts';
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
  readonly #members: () => readonly (readonly [NodeId, MemberKind])[];
  readonly #connected: Set<NodeId> = new Set();
  readonly #reports: Map<NodeId, MemberReport> = new Map();
  #toldLast = '';
  /** Counts what has changed here. */
  changes = 0;

  /** @param members everybody in the configuration, in the order of ids */
  constructor(id: NodeId, members: () => readonly (readonly [NodeId, MemberKind])[]) {
    this.#id = id;
    this.#members = members;
  }

  connected(peer: NodeId): void {
    this.#connected.add(peer);
    this.#toldLast = '';
    this.changes++;
  }

  disconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.changes++;
  }

  receive({ from, role, term, leader, commit, applied, lastIndex }: Report): void {
    if (!this.#members().some(([id]) => id === from)) return;
    this.#reports.set(from, { role, term, leader, commit, applied, lastIndex });
    this.changes++;
  }

  /** Tells the others how we are doing, if it is news to them. */
  tell(report: MemberReport, transport: Transport): void {
    const text = JSON.stringify(report);
    if (text === this.#toldLast) return;
    this.#toldLast = text;
    for (const to of this.#connected) {
      transport.send(to, { kind: 'Report', from: this.#id, to, ...report }, 'control');
    }
  }

  /** Every member, in the order of ids. */
  list(own: MemberReport): PeerStatus[] {
    return this.#members().map(([id, kind]) => {
      const isSelf = id === this.#id;
      const report = isSelf ? own : (this.#reports.get(id) ?? null);
      return { id, kind, isSelf, connected: isSelf || this.#connected.has(id), report };
    });
  }
}
