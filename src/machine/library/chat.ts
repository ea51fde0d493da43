/** A conversation: what is said stays, in one order for all. */
import type { Index, NodeId } from '../../core/types.ts';
import type { ApplyContext } from '../machine.ts';
import { type Applied, defineMachine, type ReducerMachine } from '../reducer.ts';
import { checkedBy } from '../schema.ts';
import { checkText, fieldsOf } from './checks.ts';
import { entriesFrom, put, type SortedMap } from './sorted-map.ts';

export interface ChatCommand {
  /** 1 to 10,000 characters. */
  readonly say: string;
  /** Under which name, in up to 100 characters. */
  readonly as: string;
}

export interface ChatMessage {
  readonly text: string;
  /** As the author calls themselves, */
  readonly name: string;
  /** and as the group knows them. */
  readonly member: NodeId;
  /** Milliseconds since 1970 by the leader's clock. */
  readonly time: number;
}

/** By the index in the log, which counts up. */
export type ChatState = SortedMap<Index, ChatMessage>;

/** The result is the message's index. */
export function chat(name = 'chat'): ReducerMachine<ChatState, ChatCommand, Index> {
  return defineMachine({ name, initial: [], command: checkedBy(check), apply });
}

/** Up to `limit` messages behind `after`, in order. */
export function messagesAfter(
  state: ChatState,
  after: Index,
  limit: number = Number.POSITIVE_INFINITY,
): (ChatMessage & { readonly index: Index })[] {
  const found: (ChatMessage & { readonly index: Index })[] = [];
  for (const [index, message] of entriesFrom(state, after + 1)) {
    if (found.length >= limit) break;
    found.push({ index, ...message });
  }
  return found;
}

function check(command: unknown): asserts command is ChatCommand {
  const fields = fieldsOf(command);
  checkText(fields, 'say', 1, 10_000);
  checkText(fields, 'as', 0, 100);
}

function apply(
  state: ChatState,
  { say, as }: ChatCommand,
  { index, proposer, time }: ApplyContext,
): Applied<ChatState, Index> {
  return { state: put(state, index, { text: say, name: as, member: proposer, time }), result: index };
}
