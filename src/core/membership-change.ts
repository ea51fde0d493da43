/**
 * A change of membership as the data of an entry: the whole configuration that it leads to, as JSON in ASCII. The
 * steps alone would not do: a member that was added later begins without the configuration that the group was founded
 * with, and would apply them to nothing. What comes out of a log was put in by a leader that had checked it, possibly one
 * with newer code: whatever this code does not understand changes nothing.
 */
import { configurationFault } from './configuration.ts';
import type { Configuration, Index, NodeId } from './types.ts';

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const json = JSON.stringify(configuration).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Uint8Array.from(json, (character) => character.charCodeAt(0));
}

/**
 * Null for anything that is not a configuration, or one that contradicts itself.
 * @param version the index of the entry
 */
export function decodeConfiguration(data: Uint8Array, version: Index): Configuration | null {
  const value = parse(data);
  if (typeof value !== 'object' || value === null) return null;
  const { voters, outgoing, learners, learnersNext, witnesses, autoLeave, ...later } = value as Unchecked;
  // Entries of earlier versions know nothing of these.
  const { readers = [], removed = [], banned = [] } = later;
  if (!isIds(voters) || !isIds(outgoing) || !isIds(learners) || !isIds(learnersNext) || !isIds(witnesses)) return null;
  if (!isIds(readers) || !isIds(removed) || !isTexts(banned) || typeof autoLeave !== 'boolean') return null;
  const lists = { voters, outgoing, learners, learnersNext, witnesses };
  const configuration = { version, ...lists, autoLeave, readers, removed, banned };
  return configurationFault(configuration) === null ? configuration : null;
}

type Unchecked = Readonly<Record<string, unknown>>;

function parse(data: Uint8Array): unknown {
  let text = '';
  for (const byte of data) text += String.fromCharCode(byte);
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isIds(value: unknown): value is readonly NodeId[] {
  return isTexts(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
