/**
 * The tabs of one browser as a place to meet: a BroadcastChannel for each topic, and Web Locks, which tell who is there. A
 * tab holds a lock under its name for as long as it is in a topic, so whoever comes sees the others in the list of locks,
 * and whoever waits for a tab's lock gets it when that tab is gone, however it went. The founder's token is a lock as well.
 */
import type { PeerName } from '../../signaling-server/protocol.ts';
import type { MeetingListener, MeetingPlace } from './meeting-place.ts';

interface Text {
  readonly from: PeerName;
  readonly to: PeerName;
  readonly data: string;
}

export class TabSignaling implements MeetingPlace {
  readonly #name: PeerName;
  readonly #locks: LockManager;
  readonly #topics = new Map<string, TabTopic>();

  /** @param name names this run of the host; no other has it */
  constructor(name: PeerName, locks: LockManager) {
    this.#name = name;
    this.#locks = locks;
  }

  join(topic: string, listener: MeetingListener): void {
    this.#topics.get(topic)?.end();
    this.#topics.set(topic, new TabTopic(topic, this.#name, this.#locks, listener));
  }

  leave(topic: string): void {
    this.#topics.get(topic)?.end();
    this.#topics.delete(topic);
  }

  relay(topic: string, to: PeerName, data: string): void {
    this.#topics.get(topic)?.say(to, data);
  }

  founded(topic: string): void {
    this.#topics.get(topic)?.found();
  }
}

class TabTopic {
  readonly #prefix: string;
  readonly #name: PeerName;
  readonly #locks: LockManager;
  readonly #listener: MeetingListener;
  readonly #channel: BroadcastChannel;
  /** Those who are there, as far as we know: we wait for the lock of each. */
  readonly #present = new Set<PeerName>();
  readonly #over = new AbortController();
  readonly #letGo: (() => void)[] = [];

  constructor(topic: string, name: PeerName, locks: LockManager, listener: MeetingListener) {
    this.#prefix = `flotilla.topic.${topic}`;
    this.#name = name;
    this.#locks = locks;
    this.#listener = listener;
    // It listens before anybody can see that we are there.
    this.#channel = new BroadcastChannel(this.#prefix);
    this.#channel.onmessage = ({ data }: { readonly data: unknown }) => {
      this.#heard(data);
    };
    listener.stateChanged('connecting');
    this.#hold(this.#lockOf(name), 'exclusive', () => void this.#lookAround());
    if (listener.founding?.() === 'done') this.found();
    else if (listener.founding?.() === 'ask') this.#ask();
  }

  #lockOf(peer: PeerName): string {
    return `${this.#prefix}.here.${peer}`;
  }

  get #foundedLock(): string {
    return `${this.#prefix}.founded`;
  }

  /** Holds a lock from when it is granted until the end. */
  #hold(name: string, mode: LockMode, granted: () => void): void {
    const { signal } = this.#over;
    this.#locks
      .request(name, { mode, signal }, () => {
        if (signal.aborted) return undefined;
        granted();
        return new Promise<void>((resolve) => this.#letGo.push(resolve));
      })
      // Given up at the end, or stolen by a developer at a console.
      .catch(() => undefined);
  }

  /** The locks that somebody holds; none in a page that is on its way out. */
  async #held(): Promise<string[]> {
    try {
      const { held = [] } = await this.#locks.query();
      return held.flatMap(({ name }) => name ?? []);
    } catch {
      return [];
    }
  }

  async #lookAround(): Promise<void> {
    const prefix = this.#lockOf('');
    const peers = (await this.#held()).flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []));
    if (this.#over.signal.aborted) return;
    const others = peers.filter((peer) => peer !== this.#name);
    for (const peer of others) this.#watch(peer);
    this.#listener.stateChanged('connected');
    this.#listener.joined(others);
  }

  /** Gets a tab's lock when it is gone. */
  #watch(peer: PeerName): void {
    if (this.#present.has(peer)) return;
    this.#present.add(peer);
    const { signal } = this.#over;
    this.#locks
      .request(this.#lockOf(peer), { signal }, () => {
        if (signal.aborted) return;
        this.#present.delete(peer);
        this.#listener.peerLeft(peer);
      })
      .catch(() => undefined);
  }

  #heard(data: unknown): void {
    const text = readText(data);
    if (text?.to !== this.#name) return;
    this.#watch(text.from);
    this.#listener.relayed(text.from, text.data);
  }

  say(to: PeerName, data: string): void {
    const text: Text = { from: this.#name, to, data };
    this.#channel.postMessage(text);
  }

  /** Gets the token when nobody has it who came before, unless somebody who is there says that it is founded. */
  #ask(): void {
    this.#hold(`${this.#prefix}.token`, 'exclusive', () => {
      void this.#held().then((held) => {
        if (!held.includes(this.#foundedLock) && !this.#over.signal.aborted) this.#listener.tokenChanged?.(true);
      });
    });
  }

  found(): void {
    // Shared: everybody who is in what was founded has it.
    this.#hold(this.#foundedLock, 'shared', () => undefined);
  }

  end(): void {
    this.#over.abort();
    this.#channel.close();
    for (const letGo of this.#letGo.splice(0)) letGo();
  }
}

const maxNameLength = 64;

/** Any script of the origin may write to the channel. Null for what no tab of ours sends. */
function readText(message: unknown): Text | null {
  if (typeof message !== 'object' || message === null) return null;
  const { from, to, data } = message as Readonly<Record<string, unknown>>;
  if (typeof from !== 'string' || typeof to !== 'string' || typeof data !== 'string') return null;
  return from.length > maxNameLength ? null : { from, to, data };
}
