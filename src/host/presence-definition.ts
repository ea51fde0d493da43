/** What the members of a group show of themselves: its type, its schema, how often and for how long. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { RaftError } from '../errors.ts';
import { defaultPresenceTiming, type PresenceTiming } from '../group/presence-sender.ts';
import { presenceTtlMs } from '../transport/messages.ts';

const maxUpdatesPerSecond = 60;

export interface PresenceOptions<Value> {
  /**
   * A synchronous schema of any library that speaks Standard Schema. What others show is shown here only if it fits, as what
   * the schema makes of it.
   */
  readonly schema?: StandardSchemaV1<unknown, Value>;
  /** The others are told of changes at most so many times in a second: 1 to 60, 20 by default. */
  readonly updatesPerSecond?: number;
  /**
   * Milliseconds after which what this member shows is forgotten by others that hear nothing of it: 1,000 to 300,000, 30,000 by
   * default.
   */
  readonly ttlMs?: number;
}

export interface PresenceDefinition<Value> extends PresenceTiming {
  readonly schema: StandardSchemaV1<unknown, Value> | null;
}

/**
 * Says what the members of a group show of themselves, for `createGroup` and its like. The type of the values is that of the
 * schema, or `definePresence<Cursor>()`.
 * @throws RaftError INVALID_ARGUMENT
 */
export function definePresence<Value = unknown>(options: PresenceOptions<Value> = {}): PresenceDefinition<Value> {
  const { schema = null, updatesPerSecond, ttlMs } = { ...defaultPresenceTiming, ...options };
  if (!(updatesPerSecond >= 1 && updatesPerSecond <= maxUpdatesPerSecond)) {
    throw invalid(`updatesPerSecond must be from 1 to ${maxUpdatesPerSecond}, not ${updatesPerSecond}`);
  }
  if (!Number.isSafeInteger(ttlMs) || ttlMs < presenceTtlMs.min || ttlMs > presenceTtlMs.max) {
    const { min, max } = presenceTtlMs;
    throw invalid(`ttlMs must be a whole number of milliseconds from ${min} to ${max}, not ${ttlMs}`);
  }
  return { schema, updatesPerSecond, ttlMs };
}

const invalid = (message: string): RaftError => new RaftError('INVALID_ARGUMENT', message);
