/** How messages of one kind are written as fields, and read back: what the tables of forms are made of. */
import type { NodeId } from '../core/types.ts';
import type { FieldReader } from '../encoding/fields.ts';
import type { GroupMessage } from './messages.ts';

export type Kind = GroupMessage['kind'];
export type MessageOf<K extends Kind> = Extract<GroupMessage, { readonly kind: K }>;

export interface Form<K extends Kind> {
  /** Never used for another kind, in any version. */
  readonly number: number;
  write(message: MessageOf<K>): unknown[];
  /** Fields are taken in the order of the properties. */
  read(fields: FieldReader): MessageOf<K>;
}

export type Forms<K extends Kind> = { readonly [Each in K]: Form<Each> };

const maxNodeIdLength = 64;
export const isNodeId = (text: string): text is NodeId => text.length > 0 && text.length <= maxNodeIdLength;

export function oneOf<Item>(items: readonly Item[], fields: FieldReader): Item {
  const item = items[fields.integer(0, items.length - 1)];
  if (item === undefined) throw new RangeError('out of the list');
  return item;
}

export function readList<Item>(fields: FieldReader, item: () => Item): Item[] {
  const length = fields.integer(0, fields.remaining);
  const items: Item[] = [];
  for (let i = 0; i < length; i++) items.push(item());
  return items;
}
