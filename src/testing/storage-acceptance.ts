/**
 * What every store must do, as cases that any test runner, or a page, can run: each is a name and a function that
 * throws when the promise is broken.
 */
import type { AcceptanceCase, StorageHarness } from './acceptance.ts';
import { acceptFaults } from './fault-cases.ts';
import { acceptLog } from './log-cases.ts';
import { acceptOutbox } from './outbox-cases.ts';
import { acceptSnapshots } from './snapshot-cases.ts';

export type { AcceptanceCase, StorageFault, StorageHarness } from './acceptance.ts';

/** The cases. `harness` is asked for a fresh place for each. */
export function storageAcceptance(harness: () => Promise<StorageHarness>): AcceptanceCase[] {
  const cases: AcceptanceCase[] = [];
  for (const suite of [acceptLog, acceptSnapshots, acceptOutbox, acceptFaults]) {
    suite((name, body) => {
      cases.push({
        name,
        async run() {
          const place = await harness();
          try {
            await body(place);
          } finally {
            await place.dispose();
          }
        },
      });
    });
  }
  return cases;
}
