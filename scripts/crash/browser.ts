/**
 * Crashes of real tabs: a group of three, in three tabs of one Chromium whose profile lies on disk, under a flood of
 * commands. Either the renderer of one tab is killed, or the whole browser; then everything is opened again and compared
 * with what was acknowledged before.
 */
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright';
import { openBrowser, serve, type Site } from '../../e2e/browser.ts';
import type { Acknowledgement, CrashPage, Leadership } from '../../e2e/pages/crash.ts';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import type { Random } from '../../src/core/random.ts';
import { checkAgreement, type Ledger } from './ledger.ts';
import { until } from './until.ts';

declare const crashPage: CrashPage;

const members = 3;
const inFlight = 4;

/** How long after the tabs are back and under load the kill comes, at the most; some come before they are. */
const longestLifeMs = 1500;

/** The process of a browser, by the lock in its profile: a link to the host's name and the process id. */
function processOf(profile: string): number {
  return Number(readlinkSync(join(profile, 'SingletonLock')).split('-').at(-1));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export class BrowserVictim {
  readonly #profile: string = mkdtempSync(join(tmpdir(), 'flotilla-crash-'));
  readonly #site: Site;
  readonly #broker: SignalingServer;
  readonly #random: Random;
  readonly ledger: Ledger;
  /** What a page has said that cannot be: it is thrown where somebody waits. */
  #contradiction: unknown = null;
  #context: BrowserContext | null = null;
  #pages: Page[] = [];
  #round = 0;

  private constructor(site: Site, broker: SignalingServer, random: Random, ledger: Ledger) {
    this.ledger = ledger;
    this.#site = site;
    this.#broker = broker;
    this.#random = random;
  }

  /** Founds the group. */
  static async open(random: Random, ledger: Ledger): Promise<BrowserVictim> {
    const site = await serve('e2e/pages');
    const victim = new BrowserVictim(site, await createSignalingServer({ port: 0 }), random, ledger);
    await victim.#launch();
    const [first, ...others] = victim.#pages;
    if (first === undefined) throw new Error('there is no page');
    const invite = await first.evaluate((url) => crashPage.create(url), victim.#broker.url);
    await Promise.all(others.map((page) => page.evaluate((text) => crashPage.join(text), invite)));
    await victim.#settle('founded');
    return victim;
  }

  async #launch(): Promise<void> {
    const context = await openBrowser(this.#profile);
    this.#context = context;
    this.#pages = [];
    while (this.#pages.length < members) this.#pages.push(await this.#openPage(context));
  }

  async #openPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.exposeFunction('acknowledged', (said: Acknowledgement, leadership: Leadership | null) => {
      try {
        this.ledger.acknowledge(said, leadership);
      } catch (error) {
        this.#contradiction ??= error;
      }
    });
    await page.goto(`${this.#site.url}crash.html`);
    await page.waitForFunction(() => 'crashPage' in globalThis);
    return page;
  }

  /** One crash of one tab's renderer. */
  async killRenderer(): Promise<void> {
    this.#round++;
    const context = this.#opened();
    await this.#flood();
    const victim = this.#pages[this.#random.below(members)];
    if (victim === undefined) throw new Error('there is no page');
    await sleep(this.#random.below(longestLifeMs));
    const crashed = victim.waitForEvent('crash');
    const session = await context.newCDPSession(victim);
    // The answer never comes: who would send it is gone.
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    // The others are opened again as well, which ends their flood, so that what they have is what they stored.
    const others = this.#pages.filter((page) => page !== victim);
    for (const page of others) {
      await page.reload();
      await page.waitForFunction(() => 'crashPage' in globalThis);
    }
    await victim.close();
    const back = await this.#openPage(context);
    this.#pages = [...others, back];
    await this.#readVotes(back);
    await Promise.all(this.#pages.map((page) => page.evaluate(() => crashPage.reopen())));
    await this.#settle(`renderer ${this.#round}`);
  }

  /** One SIGKILL of the whole browser. */
  async killBrowser(): Promise<void> {
    this.#round++;
    const isEarly = this.#random.below(5) === 0;
    const pid = processOf(this.#profile);
    if (isEarly) void this.#flood().catch(() => undefined);
    else await this.#flood();
    await sleep(this.#random.below(longestLifeMs));
    process.kill(pid, 'SIGKILL');
    await until(
      () => !isAlive(pid),
      () => `process ${pid} is still there`,
    );
    await this.#context?.close().catch(() => undefined);
    await this.#launch();
    const [first] = this.#pages;
    if (first !== undefined) await this.#readVotes(first);
    await Promise.all(this.#pages.map((page) => page.evaluate(() => crashPage.reopen())));
    await this.#settle(`browser ${this.#round}`);
  }

  /** Every tab proposes, and some command of this round is acknowledged. */
  async #flood(): Promise<void> {
    const before = this.ledger.acknowledgements;
    for (const [i, page] of this.#pages.entries()) {
      await page.evaluate(([name, lanes]) => crashPage.flood(name, lanes), [`${this.#round}.${i}`, inFlight] as const);
    }
    await until(
      () => this.ledger.acknowledgements > before,
      () => 'no command was acknowledged',
    );
  }

  async #readVotes(page: Page): Promise<void> {
    const found: Awaited<ReturnType<CrashPage['hardStates']>> = [];
    let failure = '';
    // What was killed may hold its databases for a moment longer.
    await until(
      async () => {
        try {
          found.push(...(await page.evaluate(() => crashPage.hardStates())));
          return true;
        } catch (error) {
          failure = String(error);
          return false;
        }
      },
      () => `the databases cannot be read: ${failure}`,
    );
    for (const { database, records } of found) {
      this.ledger.readVotes(
        database,
        records.map((record) => Uint8Array.from(record)),
      );
    }
  }

  /** Waits until all members agree, and compares what they have with what was ever acknowledged. */
  async #settle(name: string): Promise<void> {
    const [first] = this.#pages;
    const result = await first?.evaluate((command) => crashPage.propose(command), `settled ${name}`);
    if (!/^\d+$/.test(result ?? '')) throw new Error(`the group does not commit: ${result ?? 'no page'}`);
    const lengths = (): Promise<number[]> =>
      Promise.all(this.#pages.map((page) => page.evaluate(() => crashPage.state().length)));
    let seen: number[] = [];
    await until(
      async () => {
        seen = await lengths();
        return Math.min(...seen) >= Number(result) && Math.min(...seen) === Math.max(...seen);
      },
      () => `the members have ${seen.join(', ')} commands, of at least ${result ?? '?'}`,
    );
    const states = await Promise.all(this.#pages.map((page) => page.evaluate(() => crashPage.state())));
    checkAgreement(this.ledger, states);
    if (this.#contradiction !== null) throw this.#contradiction as Error;
  }

  #opened(): BrowserContext {
    if (this.#context === null) throw new Error('the browser is not open');
    return this.#context;
  }

  async close(): Promise<void> {
    await this.#context?.close();
    await this.#broker.close();
    await this.#site.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
