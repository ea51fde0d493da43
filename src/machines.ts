/** Ready-made machines, each small enough to be read as an example, and the check for those that you write. */
export { checkMachine, type Divergence, type DivergenceKind, type MachineReport } from './machine/check-machine.ts';
export { chat, type ChatCommand, type ChatMessage, type ChatState, messagesAfter } from './machine/library/chat.ts';
export { counter, type CounterCommand } from './machine/library/counter.ts';
export {
  keyValue,
  type KeyValueCommand,
  type KeyValueEntry,
  type KeyValueResult,
  type KeyValueState,
  type Range,
  valueOf,
  valuesIn,
} from './machine/library/key-value.ts';
export {
  lock,
  type Lock,
  type LockCommand,
  lockOf,
  type LockResult,
  type LockState,
  type Waiter,
} from './machine/library/lock.ts';
export {
  queue,
  type QueueCommand,
  type QueueItem,
  type QueueResult,
  type QueueState,
  type TakenItem,
} from './machine/library/queue.ts';
