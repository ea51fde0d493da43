/** What a store keeps of its member's own commands. */
import type { KeptCommand, OutboxChange, OutboxContent } from '../storage/storage.ts';
import { type Accept, codeOf, equal, founding, range, Store, type StorageHarness } from './acceptance.ts';

const command = (number: number, size = 3): KeptCommand => ({
  number,
  time: 1_700_000_000_000 + number,
  expires: number % 2 === 0 ? null : 1_800_000_000_000,
  call: Uint8Array.from({ length: size }, (_, i) => (number * 17 + i) & 0xff),
});

const commands = (...numbers: number[]): KeptCommand[] => numbers.map((number) => command(number));
const placement = { session: 's@1', next: 3, last: 2 };

function content(kept: readonly KeptCommand[], place: OutboxContent['placement'] = null): OutboxContent {
  return { placement: place, commands: kept };
}

async function keep(store: Store, change: Partial<OutboxChange>): Promise<void> {
  await store.keep({ add: [], remove: [], ...change });
}

/** What a store holds when it is opened again. */
async function reopened(store: Store): Promise<OutboxContent> {
  await store.reopen();
  return store.storage.outbox;
}

export function acceptOutbox(accept: Accept): void {
  accept('keeps commands in the order of their numbers, and the places that they have', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 3, 1) });
    equal(store.storage.outbox, content([]), 'an outbox that is empty');
    await keep(store, { add: commands(1, 2, 3) });
    await keep(store, { add: [command(10, 300_000)], placement });
    equal(await reopened(store), content([...commands(1, 2, 3), command(10, 300_000)], placement), 'the outbox');
    equal(store.state?.entries, range(1, 3, 1), 'the log beside it');
    await keep(store, { remove: [1, 3, 99], placement: { ...placement, next: 5 } });
    equal(
      await reopened(store),
      content([command(2), command(10, 300_000)], { ...placement, next: 5 }),
      'what is left',
    );
    await keep(store, { add: commands(11), remove: [2, 10, 11], placement: null });
    equal(await reopened(store), content([]), 'nothing');
  });

  accept('keeps commands of a member whose group is not founded yet, and of no other', async (place) => {
    const store = await Store.open(place.open);
    await keep(store, { add: commands(1, 2) });
    equal([await reopened(store), store.state], [content(commands(1, 2)), null], 'before the founding');
    await keep(store, { remove: [1] });
    await store.write({ ...founding, entries: range(1, 2, 1) });
    equal(await reopened(store), content(commands(2)), 'after it');
    equal(store.state?.entries, range(1, 2, 1), 'the log');
    const other = await Store.open(place.openOther);
    equal([other.storage.outbox, other.state], [content([]), null], 'the other store');
  });

  accept('keeps commands through everything that becomes of the log', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 5, 1) });
    // As commands come and go: never more than ten.
    for (let i = 1; i <= 150; i++) {
      await keep(store, { add: [command(i)], remove: i > 10 ? [i - 10] : [] });
      await store.write({ hardState: { term: i, vote: null, commit: 1 }, entries: range(5 + i, 5 + i, i) });
    }
    const kept = Array.from({ length: 10 }, (_, i) => command(141 + i));
    equal(await reopened(store), content(kept), 'the outbox');
    equal(store.state?.entries.length, 155, 'the log');
  });

  accept('lets nobody change the outbox who had it before somebody else did', async (place) => {
    const before = await Store.open(place.open);
    await before.write(founding);
    await keep(before, { add: commands(1) });
    const now = await Store.open(place.open);
    equal(now.storage.outbox, content(commands(1)), 'what the next one finds');
    equal(await codeOf(keep(before, { add: commands(2) })), 'STORAGE_LOST', 'a late addition');
    equal(await codeOf(keep(before, { remove: [1] })), 'STORAGE_LOST', 'a late removal');
    await keep(now, { add: commands(3) });
    equal(await reopened(now), content(commands(1, 3)), 'the outbox');
  });

  acceptWithFaults(accept);
}

function acceptWithFaults(accept: Accept): void {
  const withFault = (
    fault: 'no-room' | 'failed-before' | 'failed-after',
    name: string,
    body: (place: StorageHarness, fail: () => void) => Promise<void>,
  ): void => {
    accept(name, async (place) => {
      const { fail, faults = [] } = place;
      if (fail !== undefined && faults.includes(fault)) await body(place, () => fail(fault));
    });
  };

  withFault('no-room', 'goes on when there is no room for a command, which is not there then', async (place, fail) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 2, 1) });
    await keep(store, { add: commands(1) });
    fail();
    const code = await codeOf(keep(store, { add: commands(2), remove: [1], placement }));
    equal(code, 'QUOTA_EXCEEDED', 'a change without room');
    await store.write({ entries: range(3, 3, 1) });
    await keep(store, { add: commands(3) });
    equal(await reopened(store), content(commands(1, 3)), 'the outbox');
    equal(store.state?.entries.length, 3, 'the log');
  });

  withFault('no-room', 'takes changes of the outbox while a batch waits for room', async (place, fail) => {
    const store = await Store.open(place.open);
    await store.write(founding);
    await keep(store, { add: commands(1) });
    fail();
    equal(await codeOf(store.write({ entries: range(1, 1, 1) })), 'QUOTA_EXCEEDED', 'a batch without room');
    await keep(store, { remove: [1], add: commands(2) });
    await store.write({ entries: range(1, 1, 1), resumes: true });
    equal([await reopened(store), store.state?.entries.length], [content(commands(2)), 1], 'the store');
  });

  for (const fault of ['failed-before', 'failed-after'] as const) {
    withFault(
      fault,
      `writes nothing more once a change has ${fault.replace('-', ' ')} it took effect`,
      async (place, fail) => {
        const store = await Store.open(place.open);
        await store.write(founding);
        fail();
        equal(await codeOf(keep(store, { add: commands(1) })), 'STORAGE_FAILED', 'the change');
        equal(await codeOf(keep(store, { add: commands(2) })), 'STORAGE_FAILED', 'the next');
        equal(await codeOf(store.write({ entries: range(1, 1, 1) })), 'STORAGE_FAILED', 'a batch');
        equal(await reopened(store), content(fault === 'failed-after' ? commands(1) : []), 'the outbox');
      },
    );
  }
}
