/** Members have long ids; people get the names of sea birds, the same in every tab. */
import type { NodeId } from 'flotilla';

const birds = [
  'Albatross',
  'Auk',
  'Cormorant',
  'Curlew',
  'Dunlin',
  'Eider',
  'Fulmar',
  'Gannet',
  'Godwit',
  'Guillemot',
  'Heron',
  'Kingfisher',
  'Kittiwake',
  'Noddy',
  'Osprey',
  'Pelican',
  'Petrel',
  'Plover',
  'Puffin',
  'Sanderling',
  'Shearwater',
  'Skua',
  'Tern',
  'Whimbrel',
];

function hash(text: string): number {
  let value = 0;
  for (const character of text) value = (Math.imul(value, 31) + character.charCodeAt(0)) >>> 0;
  return value;
}

/** No two of them alike. The members come in the order of ids, so every tab gives the same names. */
export function nameMembers(members: readonly NodeId[]): ReadonlyMap<NodeId, string> {
  const names = new Map<NodeId, string>();
  const taken = new Set<string>();
  for (const id of members) {
    let place = hash(id) % birds.length;
    while (taken.size < birds.length && taken.has(birds[place] ?? '')) place = (place + 1) % birds.length;
    const name = birds[place] ?? id;
    taken.add(name);
    names.set(id, name);
  }
  return names;
}
