/**
 * S16, where it can be seen before anybody reads: a read is answered from all that was committed when it began, and no
 * leader is elected while another one may still answer reads on its lease. What clients are told is held to the same by
 * `workload.ts`, and by the linearizability checker after the run.
 */
import type { TraceEvent } from '../core/trace.ts';
import type { Index, NodeId, Term } from '../core/types.ts';
import type { Accuse } from './violation.ts';
import type { Run } from './run-of-member.ts';

/** Somebody who may answer reads on a lease. */
export interface LeaseHolder {
  readonly id: NodeId;
  readonly term: Term;
}

export class ReadsChecker {
  readonly #accuse: Accuse;
  /** How far any leader has committed. */
  readonly #committed: () => Index;
  readonly #leaseHolders: () => readonly LeaseHolder[];
  /** How many reads have begun. */
  begun = 0;
  /** Of the newest leader. */
  #term: Term = 0;

  constructor(accuse: Accuse, committed: () => Index, leaseHolders: () => readonly LeaseHolder[]) {
    this.#accuse = accuse;
    this.#committed = committed;
    this.#leaseHolders = leaseHolders;
  }

  traced({ id, raft, reads }: Run, event: TraceEvent): void {
    switch (event.name) {
      case 'ReadStart':
        this.begun++;
        reads.set(event.context, this.#committed());
        break;
      case 'ReadReady': {
        const { context, index } = event;
        const owed = reads.get(context) ?? 0;
        reads.delete(context);
        if (index < owed) this.#accuse('S16', `${id} reads at ${index}, and ${owed} was committed when the read began`);
        if (raft.appliedIndex < index) {
          this.#accuse('S16', `${id} reads at ${index} from a state that has come to ${raft.appliedIndex}`);
        }
        break;
      }
      case 'BecomeLeader':
        this.#term = Math.max(this.#term, event.state.term);
        this.#checkLeases();
        break;
      default:
        break;
    }
  }

  /** An event of this member is over: it may have slept while another one was elected. */
  settled({ leading }: Run): void {
    if (leading !== null && leading.term < this.#term) this.#checkLeases();
  }

  #checkLeases(): void {
    for (const { id, term } of this.#leaseHolders()) {
      if (term < this.#term) this.#accuse('S16', `${id} counts on its lease of term ${term}, and ${this.#term} is led`);
    }
  }
}
