/** What the tests of the stores share: names, and a place to store in for each case of the acceptance suite. */
import { seededRandom } from '../../src/core/random.ts';
import type { NodeId } from '../../src/core/types.ts';
import type { Access } from '../../src/identity/access.ts';
import type { GroupId, HostId } from '../../src/ids.ts';
import type { GroupRecord } from '../../src/storage/database.ts';
import type { GroupRecords } from '../../src/storage/group-records.ts';
import { RecordedStorage } from '../../src/storage/recorded-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StorageHarness } from '../../src/testing/storage-acceptance.ts';
import { Faults, FaultyRecords } from './faulty-records.ts';

export const host = 'HHHHHHHHHHHHHHHHHHHHHH' as HostId;
export const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
export const otherGroup = 'OOOOOOOOOOOOOOOOOOOOOO' as GroupId;

export const record = (id: GroupId): GroupRecord => ({
  group: id,
  member: `${host}.IIIIIIIIIII` as NodeId,
  signaling: 'ws://127.0.0.1:1',
  access: `f${'S'.repeat(43)}` as Access,
  machine: 'counter',
  founders: null,
});

/**
 * A place made of records, with faults.
 * @param isJumbled whether completions come late, and in another order than they would
 */
export function faultyPlace(
  records: (id: GroupId) => Promise<GroupRecords>,
  dispose: () => Promise<void>,
  isJumbled: boolean,
): StorageHarness {
  const faults = new Faults(isJumbled ? seededRandom(5) : null);
  const open = async (id: GroupId): Promise<Storage> =>
    new RecordedStorage(new FaultyRecords(await records(id), faults));
  return {
    open: () => open(group),
    openOther: () => open(otherGroup),
    faults: ['no-room', 'failed-before', 'failed-after'],
    fail: (fault) => {
      faults.next = fault;
    },
    dispose,
  };
}
