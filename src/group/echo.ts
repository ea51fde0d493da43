/**
 * Local echo: the state as it would be if this member's pending commands were committed next, in their order. They are
 * tried on a copy of each new state, so what is shown is never older than what is committed; it is worked out when
 * somebody looks, and only where something has changed since.
 */
import type { Index, NodeId, Term } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Preview } from '../machine/preview.ts';
import type { Proposal } from './pending.ts';

export interface EchoInit<State> {
  /** This member, which proposed. */
  readonly id: NodeId;
  readonly machine: {
    readonly state: State;
    /** Whether it can be copied. */
    readonly canPreview: boolean;
    preview(): Preview<State>;
  };
  readonly proposals: { readonly list: readonly Proposal[] };
  /** How far the state is, and in which term a command would be taken now. */
  readonly place: () => { readonly index: Index; readonly term: Term };
}

/** A state that pending commands were tried on. */
interface Tried<State> {
  /** That of the state below. */
  readonly index: Index;
  readonly preview: Preview<State>;
  proposals: readonly Proposal[];
}

export class Echo<State> {
  readonly #init: EchoInit<State>;
  #tried: Tried<State> | null = null;

  constructor(init: EchoInit<State>) {
    this.#init = init;
  }

  /**
   * The same object until it changes.
   * @throws RaftError NOT_SUPPORTED for a machine that cannot be copied
   */
  get state(): State {
    const { machine, proposals, place, id: proposer } = this.#init;
    if (!machine.canPreview) {
      const remedy = 'give the machine a `fork`, or look at `state`';
      throw new RaftError('NOT_SUPPORTED', `this machine cannot be copied to try commands on it: ${remedy}`);
    }
    const { list } = proposals;
    if (list.length === 0) {
      this.#tried = null;
      return machine.state;
    }
    const { index, term } = place();
    this.#tried = this.#continued(index, list) ?? { index, preview: machine.preview(), proposals: [] };
    const { preview, proposals: done } = this.#tried;
    for (const [i, { call, time }] of list.entries()) {
      if (i >= done.length) preview.apply(call, { index: index + 1 + i, term, time, proposer });
    }
    this.#tried.proposals = list;
    return preview.state;
  }

  /** More commands behind those that were tried already need no new beginning. */
  #continued(index: Index, list: readonly Proposal[]): Tried<State> | null {
    const tried = this.#tried;
    if (tried?.index !== index || !tried.proposals.every((proposal, i) => proposal === list[i])) return null;
    return tried;
  }
}
