/**
 * Clients that know nothing but `Group`, while members crash, are cut off and come back: whatever they were told can be
 * explained by one order of all that was done, each command once (C1 to C4).
 */
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Clients, type Service } from '../../scripts/histories/clients.ts';
import { turns } from './groups.ts';
import { TroubledGroup } from './troubled-group.ts';

const troubleMs = 12_000;

interface ExaminationOptions {
  readonly outbox?: boolean;
  /** What clients make of what a tab offers. */
  readonly service?: (of: Service) => Service;
}

interface Examination {
  readonly clients: Clients;
  readonly troubled: TroubledGroup;
}

async function examine(
  seed: number,
  { outbox = false, service = (of) => of }: ExaminationOptions = {},
): Promise<Examination> {
  const troubled = new TroubledGroup({ random: seededRandom(seed, 1), outbox });
  const { groups } = troubled;
  const { clock } = groups.world;
  const clients = new Clients({
    random: seededRandom(seed, 2),
    clients: 4,
    thinkMs: 120,
    pause: (milliseconds) =>
      new Promise((resolve) => {
        clock.after(milliseconds, resolve);
      }),
    services: () => troubled.services().map(service),
  });
  troubled.learned = (id, answer) => {
    clients.learn(id, answer);
  };
  while (clock.now() < troubleMs) {
    await turns();
    clock.pass(5);
  }
  troubled.heal();
  await groups.ended(clients.stop());
  await groups.until(() => troubled.isSettled, 'equal states');
  await turns();
  return { clients, troubled };
}

/** What many examinations have come to: none of it is to be an empty exam. */
class Total {
  done = 0;
  unknown = 0;
  notDone = 0;
  expired = 0;
  learned = 0;
  kept = 0;
  restarts = 0;
  changes = 0;

  add({ clients, troubled }: Examination): void {
    const { history } = clients;
    const unknown = history.filter(({ returned }) => returned === null).length;
    this.done += history.length - unknown;
    this.unknown += unknown;
    this.notDone += clients.notDone;
    this.expired += clients.expired;
    this.learned += clients.learned;
    this.kept += troubled.kept.size;
    this.restarts += troubled.restarts;
    this.changes += troubled.leaders.size - 1;
  }
}

test('C1 C2 every history of clients of Group is linearizable, each effect there once, through retries, aborts, restarts and new leaders', async () => {
  const total = new Total();
  for (let seed = 1; seed <= 25; seed++) {
    const examination = await examine(seed);
    expect(examination.clients.verdict(), `seed ${seed}`).toBeNull();
    total.add(examination);
  }
  expect(total.done).toBeGreaterThan(2_000);
  expect(total.unknown).toBeGreaterThan(100);
  expect(total.notDone).toBeGreaterThan(50);
  expect(total.expired).toBeGreaterThan(10);
  expect(total.restarts).toBeGreaterThan(50);
  expect(total.changes).toBeGreaterThan(25);
}, 60_000);

test('C1 C2 with outboxes as well, and whatever was on the disk of a tab that went has its outcome in the end, in the order of proposing', async () => {
  const total = new Total();
  for (let seed = 1; seed <= 50; seed++) {
    const examination = await examine(seed, { outbox: true });
    const { clients, troubled } = examination;
    expect(clients.verdict(), `seed ${seed}`).toBeNull();
    const open = clients.history.filter(({ id, returned }) => returned === null && troubled.kept.has(id));
    expect(open, `seed ${seed}`).toEqual([]);
    for (const [key, value] of Object.entries(troubled.values)) {
      if (!Array.isArray(value)) continue;
      for (const name of troubled.names) {
        const own = (value as number[]).filter((id) => troubled.proposedAt.get(id) === name);
        expect(own, `seed ${seed}, ${key}, what ${name} has proposed`).toEqual(own.toSorted((a, b) => a - b));
      }
    }
    total.add(examination);
  }
  expect(total.done).toBeGreaterThan(2_000);
  expect(total.notDone).toBeGreaterThan(200);
  expect(total.expired).toBeGreaterThan(100);
  expect(total.kept).toBeGreaterThan(250);
  expect(total.learned).toBeGreaterThan(250);
  expect(total.restarts).toBeGreaterThan(200);
  expect(total.changes).toBeGreaterThan(50);
}, 60_000);

test('C1 whoever proposes again what may have been done is found out: the checker is not blind', async () => {
  const again = ({ write: once, read: look }: Service): Service => ({
    read: look,
    async write(command, patience) {
      const answer = await once(command, { ...patience, waitsOn: false });
      return answer.kind === 'unknown' ? once(command, { ...patience, timeoutMs: 20_000, abortMs: null }) : answer;
    },
  });
  for (let seed = 1; seed <= 10; seed++) {
    const { clients } = await examine(seed, { service: again });
    if (clients.verdict() !== null) return;
  }
  throw new Error('nothing was noticed');
}, 60_000);
