/** Hosts with keys, groups with secrets, and links between them that are cut and bent at will. */
import { type Credentials, deriveCredentials, fullAccess } from '../../src/identity/access.ts';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { type HostSigner, hostSigner } from '../../src/identity/host-signer.ts';
import type { GroupId, NodeId } from '../../src/ids.ts';
import type { ChannelBinding, Lane, Link, LinkEnd, LinkListener } from '../../src/transport/link.ts';
import { defaultLiveness } from '../../src/transport/liveness.ts';
import { MemoryLink } from '../../src/transport/memory-link.ts';
import { SecureLink, type SecureLinkInit } from '../../src/transport/secure-link.ts';
import type { Timers } from '../../src/transport/timers.ts';
import type { GroupEntry, RefusalNotice } from '../../src/transport/transport.ts';

export const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;

export const credentialsOf = (secret: number, of: GroupId = group): Promise<Credentials> =>
  deriveCredentials(of, fullAccess(new Uint8Array(32).fill(secret)));

export const newSigner = async (): Promise<HostSigner> => hostSigner(await makeIdentity());

export const memberOf = ({ id }: HostSigner, incarnation = 'IIIIIIIIIII'): NodeId => `${id}.${incarnation}` as NodeId;

export function entryOf(credentials: Credentials, signer: HostSigner, more: Partial<GroupEntry> = {}): GroupEntry {
  return { credentials, broker: 'ws://nowhere.example', member: memberOf(signer), mayEnter: () => null, ...more };
}

/** Time that passes when a test says so. */
export class ManualTimers implements Timers {
  #now = 0;
  #made = 0;
  readonly #due = new Map<number, { at: number; readonly every: number | null; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    return this.#add({ at: this.#now + milliseconds, every: null, run });
  }

  every(milliseconds: number, run: () => void): () => void {
    return this.#add({ at: this.#now + milliseconds, every: milliseconds, run });
  }

  #add(timer: { at: number; readonly every: number | null; readonly run: () => void }): () => void {
    const id = ++this.#made;
    this.#due.set(id, timer);
    return () => this.#due.delete(id);
  }

  random(): number {
    return 0.5;
  }

  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      const [id, timer] = next;
      this.#now = Math.max(this.#now, timer.at);
      if (timer.every === null) this.#due.delete(id);
      else timer.at += timer.every;
      timer.run();
    }
    this.#now = end;
  }

  /** Stands still: time goes on, and nothing that was due happens, as in a frozen page. */
  freeze(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of this.#due.values()) timer.at = Math.max(timer.at, this.#now);
  }
}

/** Waits, in real time, for something that real cryptography brings about. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what} did not come to hold`);
    await new Promise(setImmediate);
  }
}

/** One end of a link as a host sees it, with all that it was told. */
export class End {
  readonly told: string[] = [];
  readonly refusals: RefusalNotice[] = [];
  readonly frames: Uint8Array[] = [];
  end: LinkEnd | null = null;
  link!: SecureLink;

  get reasons(): string[] {
    return this.refusals.map(({ by, reason }) => `${by} ${reason}`);
  }
}

export interface EndInit extends Partial<Omit<SecureLinkInit, 'entry' | 'identity'>> {
  readonly identity: HostSigner;
  readonly entries?: readonly GroupEntry[];
  readonly binding?: ChannelBinding;
}

/** Something that a link carries may be changed, or dropped by giving null. */
export type Bend = (frame: Uint8Array, lane: Lane) => Uint8Array | null;

function bent(link: Link, bend: Bend, binding: ChannelBinding): Link {
  return {
    get state() {
      return link.state;
    },
    binding,
    bufferedBytes: (lane) => link.bufferedBytes(lane),
    send: (frame, lane) => {
      const sent = bend(frame, lane);
      return sent === null || link.send(sent, lane);
    },
    close: (end) => {
      link.close(end);
    },
    statistics: () => link.statistics(),
    path: () => link.path(),
  };
}

const straight: Bend = (frame) => frame;

/** Makes one end of a link. */
export function secureEnd(
  init: EndInit,
  timers: Timers,
  open: (listener: LinkListener) => Link,
  bend: Bend = straight,
): End {
  const end = new End();
  const entries = new Map((init.entries ?? []).map((entry) => [entry.credentials.group, entry]));
  end.link = new SecureLink(
    (listener) => {
      const link = open(listener);
      return bent(link, bend, init.binding ?? link.binding);
    },
    {
      role: 'offerer',
      expected: null,
      timers,
      liveness: defaultLiveness,
      entry: (asked) => entries.get(asked),
      ...init,
    },
    {
      proven: (link) => {
        end.told.push('proven');
        for (const entered of entries.keys()) link.enter(entered);
      },
      met: (_link, met) => end.told.push(`met ${met}`),
      parted: (_link, parted) => end.told.push(`parted ${parted}`),
      received: (_link, frame) => end.frames.push(frame.slice()),
      told: (_link, message) => end.told.push(message.kind),
      refused: (_link, _group, notice) => end.refusals.push(notice),
      closed: (_link, closed) => (end.end = closed),
    },
  );
  return end;
}

/** Two hosts that have just been connected. */
export function connect(
  one: EndInit,
  other: EndInit,
  timers: Timers,
  bends: readonly [Bend, Bend] = [straight, straight],
): [End, End] {
  const listeners: (LinkListener | null)[] = [null, null];
  const proxy = (i: number): LinkListener => ({
    received: (frame, lane) => listeners[i]?.received(frame, lane),
    closed: (end) => listeners[i]?.closed(end),
  });
  const raw = MemoryLink.pair(proxy(0), proxy(1));
  const make = (i: 0 | 1, init: EndInit): End =>
    secureEnd(
      init,
      timers,
      (listener) => {
        listeners[i] = listener;
        return raw[i];
      },
      bends[i],
    );
  return [make(0, { role: 'offerer', ...one }), make(1, { role: 'answerer', ...other })];
}
