/** Every store passes the same acceptance suite; here memory, and IndexedDB as fake-indexeddb implements it. */
import 'fake-indexeddb/auto';
import { describe, test } from 'vitest';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { Connection } from '../../src/storage/indexeddb-connection.ts';
import { IndexedDbRecords } from '../../src/storage/indexeddb-records.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { storageAcceptance } from '../../src/testing/storage-acceptance.ts';
import { faultyPlace, group, otherGroup, record } from './places.ts';

describe('the memory store', () => {
  const fresh = async () => {
    const database = new MemoryDatabase(await makeIdentity());
    for (const id of [group, otherGroup]) await database.addGroup(record(id));
    return {
      open: () => Promise.resolve(database.storage(group)),
      openOther: () => Promise.resolve(database.storage(otherGroup)),
      dispose: () => Promise.resolve(),
    };
  };
  for (const accepted of storageAcceptance(fresh)) test(accepted.name, () => accepted.run());
});

let databases = 0;

describe.each([
  ['the IndexedDB store', false],
  ['the IndexedDB store, when completions come late and out of order', true],
])('%s', (_, isJumbled) => {
  const fresh = () => {
    const name = `acceptance-${++databases}`;
    const connections: Connection[] = [];
    return Promise.resolve(
      faultyPlace(
        async (id) => {
          const connection = await Connection.open(name);
          connections.push(connection);
          return new IndexedDbRecords(connection, id, 'strict');
        },
        async () => {
          await Promise.all(connections.map((connection) => connection.close()));
        },
        isJumbled,
      ),
    );
  };
  for (const accepted of storageAcceptance(fresh)) test(accepted.name, () => accepted.run());
});
