/** A configuration as fields of an array, on disk and on the wire. What it may hold is checked by the core. */
import type { Configuration, NodeId } from '../core/types.ts';
import type { FieldReader } from './fields.ts';

export function configurationFields(configuration: Configuration): unknown[] {
  const { version, voters, outgoing, learners, learnersNext, witnesses, autoLeave } = configuration;
  const { readers, removed, banned } = configuration;
  return [version, voters, outgoing, learners, learnersNext, witnesses, autoLeave, readers, removed, banned];
}

/** @throws RangeError for fields that `configurationFields` does not write */
export function readConfiguration(fields: FieldReader, isNodeId: (text: string) => text is NodeId): Configuration {
  const configuration = readEarlierConfiguration(fields, isNodeId);
  const ids = (): NodeId[] => fields.list((list) => list.text(isNodeId));
  return { ...configuration, readers: ids(), removed: ids(), banned: ids() };
}

/**
 * Reads what was written when nobody could be shut out of a group.
 * @throws RangeError
 */
export function readEarlierConfiguration(
  fields: FieldReader,
  isNodeId: (text: string) => text is NodeId,
): Configuration {
  const ids = (): NodeId[] => fields.list((list) => list.text(isNodeId));
  return {
    version: fields.integer(),
    voters: ids(),
    outgoing: ids(),
    learners: ids(),
    learnersNext: ids(),
    witnesses: ids(),
    autoLeave: fields.boolean(),
    readers: [],
    removed: [],
    banned: [],
  };
}
