/**
 * A group in real tabs to which something happens all the time: renderers crash, pages are reloaded, closed and opened
 * again, or stand still while their connections look open. Clients ask whichever tab is there.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright';
import { openBrowser, serve, type Site } from '../../e2e/browser.ts';
import type { HistoriesPage, LateAnswer } from '../../e2e/pages/histories.ts';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import type { Random } from '../../src/core/random.ts';
import { until } from '../crash/until.ts';
import type { Answer, Service } from './clients.ts';

declare const historiesPage: HistoriesPage;

const troubles = ['crash', 'reload', 'close', 'freeze'] as const;

export type Trouble = (typeof troubles)[number];

/** Milliseconds that a tab stands still or is away, at the most. */
const longestMs = 4_000;
/** Milliseconds from one trouble to the next, at the most. */
const pauseMs = 1_500;

export interface TroubledTabsInit {
  readonly random: Random;
  readonly tabs: number;
  /** Whether what is proposed in a tab survives it. */
  readonly outbox: boolean;
}

export class TroubledTabs {
  readonly #profile: string;
  readonly #site: Site;
  readonly #broker: SignalingServer;
  readonly #context: BrowserContext;
  readonly #random: Random;
  readonly #address: string;
  /** Hears what came of a command that an earlier page of its tab has left. */
  learned: (late: LateAnswer) => void = () => undefined;
  /** Null while the tab is away. */
  readonly #pages: (Page | null)[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #following = new Set<Promise<void>>();
  readonly counts: Record<Trouble, number> = { crash: 0, reload: 0, close: 0, freeze: 0 };
  /** How often somebody else was seen to lead. */
  leaderChanges = 0;
  #leader = -1;

  private constructor(
    profile: string,
    site: Site,
    broker: SignalingServer,
    context: BrowserContext,
    { random, outbox }: TroubledTabsInit,
  ) {
    this.#profile = profile;
    this.#site = site;
    this.#broker = broker;
    this.#context = context;
    this.#random = random;
    this.#address = `${site.url}histories.html${outbox ? '?outbox' : ''}`;
  }

  /** Founds the group. */
  static async open(init: TroubledTabsInit): Promise<TroubledTabs> {
    const profile = mkdtempSync(join(tmpdir(), 'flotilla-histories-'));
    const [site, broker] = await Promise.all([serve('e2e/pages'), createSignalingServer({ port: 0 })]);
    const all = new TroubledTabs(profile, site, broker, await openBrowser(profile), init);
    const { tabs } = init;
    while (all.#pages.length < tabs) all.#pages.push(await all.#openPage());
    const [first, ...others] = all.#pages as Page[];
    if (first === undefined) throw new Error('there is no page');
    const invite = await first.evaluate(([url, count]) => historiesPage.create(url, count), [
      broker.url,
      tabs,
    ] as const);
    await Promise.all(others.map((page) => page.evaluate((text) => historiesPage.join(text), invite)));
    await until(
      async () => (await all.#findLeader()) !== null,
      () => 'nobody leads',
    );
    return all;
  }

  async #openPage(): Promise<Page> {
    const page = await this.#context.newPage();
    await this.#load(page);
    return page;
  }

  async #load(page: Page): Promise<void> {
    await page.goto(this.#address);
    await page.waitForFunction(() => 'historiesPage' in globalThis);
  }

  /** Does one thing to one tab after the other, of which some come together, for a while; then all is well again. */
  async trouble(milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      await sleep(this.#random.below(pauseMs));
      const victim = await this.#victim();
      if (victim === null) continue;
      const kind = troubles[this.#random.below(troubles.length)] ?? 'freeze';
      this.counts[kind]++;
      const over = this.#strike(kind, victim).finally(() => this.#underWay.delete(over));
      this.#underWay.add(over);
    }
    await Promise.all(this.#underWay);
  }

  /** Half the time the leader, and never the last tab that is there. */
  async #victim(): Promise<number | null> {
    const leader = await this.#findLeader();
    const here = [...this.#pages.keys()].filter((tab) => this.#pages[tab] !== null);
    if (here.length < 2) return null;
    return this.#random.below(2) === 0 ? leader : (here[this.#random.below(here.length)] ?? null);
  }

  async #findLeader(): Promise<number | null> {
    const roles = await Promise.all(
      this.#pages.map(async (page) => page?.evaluate(() => historiesPage.role()).catch(() => null)),
    );
    const leader = roles.indexOf('leader');
    if (leader < 0) return null;
    if (this.#leader >= 0 && this.#leader !== leader) this.leaderChanges++;
    this.#leader = leader;
    return leader;
  }

  async #strike(kind: Trouble, tab: number): Promise<void> {
    const page = this.#pages[tab];
    if (page === null || page === undefined) return;
    this.#pages[tab] = null;
    const whileMs = this.#random.below(longestMs);
    switch (kind) {
      case 'freeze':
        await this.#freeze(page, whileMs);
        this.#pages[tab] = page;
        return;
      case 'reload':
        await this.#load(page);
        await this.#reopen(page);
        this.#pages[tab] = page;
        return;
      case 'crash':
        await this.#crash(page);
        break;
      case 'close':
        await page.close();
    }
    await sleep(whileMs);
    const back = await this.#openPage();
    await this.#reopen(back);
    this.#pages[tab] = back;
  }

  async #reopen(page: Page): Promise<void> {
    await page.evaluate(() => historiesPage.reopen());
    const over = this.#follow(page).finally(() => this.#following.delete(over));
    this.#following.add(over);
  }

  /** Until all outcomes are known, or the page is gone: then its next one tells. */
  async #follow(page: Page): Promise<void> {
    const restored = page.evaluate(() => historiesPage.restored());
    for (const late of await unlessGone(restored, [])) this.learned(late);
  }

  async #crash(page: Page): Promise<void> {
    const crashed = page.waitForEvent('crash');
    const session = await this.#context.newCDPSession(page);
    // The answer never comes: who would send it is gone.
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    await page.close();
  }

  /** Its scripts stand still; whatever comes in meanwhile comes in a burst afterwards. */
  async #freeze(page: Page, whileMs: number): Promise<void> {
    const session = await this.#context.newCDPSession(page);
    await session.send('Debugger.enable');
    await session.send('Debugger.pause');
    await sleep(whileMs);
    await session.send('Debugger.disable');
    await session.detach();
  }

  /** Every tab that is there. What is asked of one that then goes has no known outcome. */
  services(): Service[] {
    return this.#pages
      .filter((page) => page !== null)
      .map((page) => ({
        write: (command, patience) =>
          answerOf(page.evaluate(([c, p]) => historiesPage.write(c, p), [command, patience] as const)),
        read: (key, patience) =>
          answerOf(page.evaluate(([k, p]) => historiesPage.read(k, p), [key, patience] as const)),
      }));
  }

  /** Waits until all tabs show one state, and no outcome is open. */
  async settle(): Promise<void> {
    let seen: string[] = [];
    const look = (): string => `${historiesPage.pending()} pending, ${historiesPage.digest()}`;
    await until(
      async () => {
        seen = await Promise.all(this.#pages.map(async (page) => (await page?.evaluate(look)) ?? 'away'));
        return new Set(seen).size === 1 && seen[0]?.startsWith('0 ') === true;
      },
      () => `the tabs show ${seen.join('; ')}`,
    );
    await Promise.all(this.#following);
  }

  async close(): Promise<void> {
    await this.#context.close();
    await this.#broker.close();
    await this.#site.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function answerOf(answer: Promise<Answer>): Promise<Answer> {
  return unlessGone(answer, { kind: 'unknown', code: null });
}

/** A page that goes takes its answers with it. */
function unlessGone<Value>(answer: Promise<Value>, otherwise: Value): Promise<Value> {
  return answer.catch((error: unknown) => {
    if (/closed|crashed|destroyed|navigat/i.test(String(error))) return otherwise;
    throw error;
  });
}
