/** What tests do with pages of the harness. */
import type { BrowserContext, Page } from 'playwright/test';
import type { GroupDiagnosis, GroupStatus, MemberEntry, NodeId, TabOptions } from '../src/index.ts';
import { expect } from './fixtures.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

export async function open(context: BrowserContext, address: string, options: TabOptions = {}): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${address}harness.html`);
  await page.waitForFunction(() => 'harness' in globalThis);
  await page.evaluate((given) => {
    harness.configure(given);
  }, options);
  return page;
}

export const status = (page: Page): Promise<GroupStatus | undefined> => page.evaluate(() => harness.group?.status());
export const state = (page: Page): Promise<readonly string[] | undefined> => page.evaluate(() => harness.group?.state);
export const propose = (page: Page, command: string): Promise<{ result: number | string; ms: number }> =>
  page.evaluate((text) => harness.propose(text), command);
export const members = (page: Page): Promise<readonly MemberEntry[]> => page.evaluate(() => harness.members());
export const change = (page: Page, call: Parameters<Harness['change']>[0], id: NodeId): Promise<string> =>
  page.evaluate(([what, of]) => harness.change(what, of), [call, id] as const);
/** The member that a page has. */
export const memberId = (page: Page): Promise<NodeId> =>
  page.evaluate(() => {
    if (harness.group === null) throw new Error('the page has no group');
    return harness.group.memberId;
  });
export const join = (page: Page, invite: string): Promise<void> => page.evaluate((text) => harness.join(text), invite);
export const diagnose = (page: Page): Promise<GroupDiagnosis | undefined> =>
  page.evaluate(() => harness.group?.diagnose());
export const invites = (page: Page): Promise<{ full: string; readOnly: string }> =>
  page.evaluate(() => ({ full: harness.group?.invite ?? '', readOnly: harness.group?.readOnlyInvite ?? '' }));

/** Waits until a page knows a leader. */
export async function untilLed(page: Page): Promise<void> {
  await expect.poll(async () => (await status(page))?.member?.leader ?? null).not.toBeNull();
}

/** Begins a group in the first page, and lets the others join; gives its invite. Without a broker, for tabs alone. */
export async function gather(
  pages: readonly Page[],
  broker: string | null,
  founders: number = pages.length,
): Promise<string> {
  const [first, ...others] = pages;
  if (first === undefined) throw new Error('no page');
  const invite = await first.evaluate(([url, count]) => harness.create(url, count), [broker, founders] as const);
  await Promise.all(others.map((page) => page.evaluate((text) => harness.join(text), invite)));
  return invite;
}
