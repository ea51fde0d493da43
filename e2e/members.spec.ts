/** Members that come and go, live: learners, readers, promotions, removals and bans, in real tabs. */
import type { Page } from 'playwright/test';
import { deriveCredentials } from '../src/identity/access.ts';
import { decodeInvite } from '../src/identity/invite.ts';
import type { NodeId } from '../src/index.ts';
import { hostOf } from '../src/ids.ts';
import type { SessionId } from '../src/machine/envelope.ts';
import { expect, test as base } from './fixtures.ts';
import { type Intruder, intrude, newSigner } from './intruder.ts';
import { list } from './machine.ts';
import {
  change,
  diagnose,
  gather,
  invites,
  join,
  memberId,
  members,
  open,
  propose,
  state,
  status,
  untilLed,
} from './pages.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

interface Founded {
  readonly pages: [Page, Page, Page];
  readonly invite: string;
}

/** Each with a group of its own, which three tabs have founded. */
const test = base.extend<{ founded: Founded }>({
  founded: async ({ browserContext, harness: address, broker }, use) => {
    const pages: [Page, Page, Page] = [
      await open(browserContext, address),
      await open(browserContext, address),
      await open(browserContext, address),
    ];
    const invite = await gather(pages, broker.url);
    await Promise.all(pages.map(untilLed));
    await use({ pages, invite });
  },
});

const kindIn = async (page: Page, id: NodeId) => (await members(page)).find((one) => one.id === id)?.kind;

/** Everybody sees it as that. */
async function isSeenAs(pages: readonly Page[], id: NodeId, kind: string | undefined): Promise<void> {
  for (const page of pages) await expect.poll(() => kindIn(page, id)).toBe(kind);
}

async function endsWith(page: Page, code: string): Promise<void> {
  await expect.poll(async () => (await status(page))?.phase).toBe('stopped');
  const stopped = await page.evaluate(() => harness.describe(harness.group?.status().stopped));
  expect(stopped).toBe(`${code} not-done`);
}

/** The tab is loaded anew, and comes back with what it has stored. */
async function reload(page: Page, invite: string): Promise<void> {
  await page.reload();
  await page.waitForFunction(() => 'harness' in globalThis);
  await page.evaluate(() => {
    harness.configure({ iceServers: [] });
  });
  await join(page, invite);
}

test('a fourth tab joins as a learner and is promoted; the founder is removed, comes back, and is told so', async ({
  founded,
  browserContext,
  harness: address,
}) => {
  const { pages, invite } = founded;
  const [founder, second, third] = pages;
  expect(await propose(founder, 'before')).toMatchObject({ result: 1 });

  const fourth = await open(browserContext, address);
  await join(fourth, invite);
  const newcomer = await memberId(fourth);
  const all = [...pages, fourth];
  await isSeenAs(all, newcomer, 'learner');
  await expect.poll(() => state(fourth)).toEqual(['before']);
  expect(await propose(second, 'meanwhile')).toMatchObject({ result: 2 });
  await expect.poll(() => state(fourth)).toEqual(['before', 'meanwhile']);
  expect(await propose(fourth, 'mine')).toMatchObject({ result: 3 });

  expect(await change(third, 'promote', newcomer)).toBe('done');
  await isSeenAs(all, newcomer, 'voter');

  const founding = await memberId(founder);
  expect(await change(fourth, 'remove', founding)).toBe('done');
  await endsWith(founder, 'REMOVED');
  const others = [second, third, fourth];
  await isSeenAs(others, founding, undefined);
  await Promise.all(others.map(untilLed));
  expect(await propose(fourth, 'after')).toMatchObject({ result: 4 });
  for (const page of others) await expect.poll(() => state(page)).toEqual(['before', 'meanwhile', 'mine', 'after']);

  await reload(founder, invite);
  expect(await memberId(founder)).toBe(founding);
  await endsWith(founder, 'REMOVED');
  expect(await propose(founder, 'too late')).toMatchObject({ result: 'REMOVED not-done' });

  // Its tab may come again, as somebody else.
  await founder.evaluate(() => harness.forget());
  await join(founder, invite);
  const again = await memberId(founder);
  expect(again).not.toBe(founding);
  expect(hostOf(again)).toBe(hostOf(founding));
  await isSeenAs([...others, founder], again, 'learner');
  await expect.poll(() => state(founder)).toEqual(['before', 'meanwhile', 'mine', 'after']);
});

test('a member that was away when it was removed is told by whomever it meets', async ({
  founded,
  harness: address,
}) => {
  const { pages, invite } = founded;
  const [first, second, third] = pages;
  const away = await memberId(third);
  await third.goto('about:blank');
  expect(await change(first, 'remove', away)).toBe('done');
  await isSeenAs([first, second], away, undefined);
  await third.goto(`${address}harness.html`);
  await third.waitForFunction(() => 'harness' in globalThis);
  await join(third, invite);
  expect(await memberId(third)).toBe(away);
  await endsWith(third, 'REMOVED');
});

test('a host that is banned comes back as another member, and is told so, until the ban is lifted', async ({
  founded,
}) => {
  const { pages, invite } = founded;
  const [first, second, third] = pages;
  const banned = await memberId(third);
  expect(await change(first, 'ban', banned)).toBe('done');
  await endsWith(third, 'BANNED');
  await reload(third, invite);
  await endsWith(third, 'BANNED');

  await third.evaluate(() => harness.forget());
  await join(third, invite);
  const again = await memberId(third);
  expect(again).not.toBe(banned);
  expect(hostOf(again)).toBe(hostOf(banned));
  await endsWith(third, 'BANNED');
  expect((await members(second)).map(({ id }) => id)).not.toContain(again);
  expect(await propose(second, 'still here')).toMatchObject({ result: 1 });

  expect(await change(second, 'unban', banned)).toBe('done');
  await join(third, invite);
  const welcome = await memberId(third);
  await isSeenAs([first, second, third], welcome, 'learner');
});

test.describe('into a live group of three tabs there does not get again', () => {
  const intruders: Intruder[] = [];

  test.afterEach(() => {
    for (const intruder of intruders.splice(0)) intruder.close();
  });

  /** Somebody that the group takes for an honest newcomer, and makes a learner. */
  async function enter(init: Parameters<typeof intrude>[0], links = 3): Promise<Intruder> {
    const intruder = await intrude(init);
    intruders.push(intruder);
    await expect.poll(() => intruder.links.length).toBe(links);
    return intruder;
  }

  const joined = ({ member }: Intruder) => ({ kind: 'Join', member, machine: list.name }) as const;
  const told = ({ refusals }: Intruder) => refusals.filter(({ by }) => by === 'them').map(({ reason }) => reason);

  test('a removed incarnation, while another one of its host may come', async ({ founded, broker }) => {
    const { pages, invite } = founded;
    const [first] = pages;
    const { group, access } = decodeInvite(invite);
    const init = { broker: broker.url, credentials: await deriveCredentials(group, access), signer: await newSigner() };
    const member = `${init.signer.id}.OOOOOOOOOOO` as NodeId;
    const intruder = await enter({ ...init, member: () => member });
    intruder.send(joined(intruder));
    await isSeenAs(pages, member, 'learner');
    expect(await change(first, 'remove', member)).toBe('done');
    await expect.poll(() => told(intruder)).toEqual(Array(3).fill('removed-incarnation'));
    intruder.close();

    const again = await enter({ ...init, member: () => member }, 0);
    await expect.poll(() => new Set(told(again)).size).toBe(1);
    expect(told(again)[0]).toBe('removed-incarnation');
    for (const page of pages) {
      await expect
        .poll(async () => (await diagnose(page))?.refusals.map(({ reason }) => reason))
        .toContain('removed-incarnation');
    }
    expect(again.links).toEqual([]);
    again.close();

    const other = await enter(init);
    other.send(joined(other));
    await isSeenAs(pages, other.member, 'learner');
    expect(await propose(first, 'still here')).toMatchObject({ result: 1 });
  });

  test('a banned key, under any incarnation', async ({ founded, broker }) => {
    const { pages, invite } = founded;
    const [first] = pages;
    const { group, access } = decodeInvite(invite);
    const init = { broker: broker.url, credentials: await deriveCredentials(group, access), signer: await newSigner() };
    const intruder = await enter(init);
    intruder.send(joined(intruder));
    await isSeenAs(pages, intruder.member, 'learner');
    expect(await change(first, 'ban', intruder.member)).toBe('done');
    await expect.poll(() => told(intruder)).toEqual(Array(3).fill('banned-key'));
    intruder.close();

    const again = await enter({ ...init, member: ({ id }) => `${id}.NNNNNNNNNNN` as NodeId }, 0);
    for (const page of pages) {
      await expect
        .poll(async () => (await diagnose(page))?.refusals.map(({ reason }) => reason))
        .toContain('banned-key');
    }
    await expect.poll(() => told(again)).toContain('banned-key');
    expect(again.links).toEqual([]);
    for (const page of pages) expect(await kindIn(page, again.member)).toBeUndefined();
    expect(await propose(first, 'still here')).toMatchObject({ result: 1 });
  });

  test('a reader that proposes, whom everybody refuses, and nobody can promote', async ({ founded, broker }) => {
    const { pages } = founded;
    const [first] = pages;
    const { group, access } = decodeInvite((await invites(first)).readOnly);
    const intruder = await enter({ broker: broker.url, credentials: await deriveCredentials(group, access) });
    const { member: from } = intruder;
    intruder.send(joined(intruder));
    await isSeenAs(pages, from, 'reader');
    expect(await change(first, 'promote', from)).toBe('READ_ONLY not-done');
    for (const link of intruder.links) {
      const to = link.admissionTo(group)?.member ?? from;
      const session = 'AAAAAAAAAAAAAAAAAAAAAA' as SessionId;
      const commands = [Uint8Array.of(1)];
      intruder.send({ kind: 'Propose', from, to, session, sequence: 1, known: 0, commands });
    }
    await expect.poll(() => told(intruder)).toEqual(Array(3).fill('read-only'));
    expect(await propose(first, 'still here')).toMatchObject({ result: 1 });
    for (const page of pages) await expect.poll(() => state(page)).toEqual(['still here']);
  });
});

test('a tab with a read-only invite becomes a learner that reads along, and whose proposals are refused', async ({
  founded,
  browserContext,
  harness: address,
}) => {
  const { pages } = founded;
  const [first, second] = pages;
  const { readOnly, full } = await invites(first);
  const reader = await open(browserContext, address);
  await join(reader, readOnly);
  const id = await memberId(reader);
  await isSeenAs([...pages, reader], id, 'reader');
  expect(await propose(second, 'seen')).toMatchObject({ result: 1 });
  await expect.poll(() => state(reader)).toEqual(['seen']);
  expect(await propose(reader, 'not mine to say')).toMatchObject({ result: 'READ_ONLY not-done' });
  expect(await change(reader, 'promote', id)).toBe('READ_ONLY not-done');
  expect(await change(second, 'promote', id)).toBe('READ_ONLY not-done');

  // With a full invite it may be more, once a leader has seen it.
  await reload(reader, full);
  expect(await memberId(reader)).toBe(id);
  await isSeenAs([...pages, reader], id, 'learner');
  expect(await change(reader, 'promote', id)).toBe('done');
  expect(await propose(reader, 'mine')).toMatchObject({ result: 2 });
});
