/** The host of this tab: IndexedDB, WebRTC, a worker's clock, and the life of the page. */
import { toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import { makeIdentity } from '../identity/host-keys.ts';
import { estimateStorage } from '../storage/browser-quota.ts';
import type { Database } from '../storage/database.ts';
import { IndexedDbDatabase } from '../storage/indexeddb.ts';
import { MemoryDatabase } from '../storage/memory.ts';
import type { Timers } from '../transport/timers.ts';
import { Mesh } from '../transport/mesh.ts';
import { OpenConnections } from '../transport/open-connections.ts';
import { simplePeer } from '../transport/simple-peer-connection.ts';
import { checkConfiguration } from '../transport/webrtc-configuration.ts';
import { barePeer } from '../transport/bare-connection.ts';
import { hostSigner } from '../identity/host-signer.ts';
import { Host } from './host.ts';
import { PageHold } from './page-hold.ts';
import { WorkerClock } from './worker-clock.ts';

export interface BrowserHostOptions {
  /** `indexeddb` survives the tab; `memory` does not, and nothing is left behind. */
  readonly storage: 'indexeddb' | 'memory';
  /**
   * `strict`, the default: what a member acknowledged survives a power cut. `relaxed` costs less, and survives a crash of
   * the browser only: members whose machines lose power together may forget what they had agreed on.
   */
  readonly durability: 'strict' | 'relaxed';
  /** STUN and TURN servers, for members that are not in one network. */
  readonly iceServers: readonly RTCIceServer[];
  /** `relay` goes through TURN servers only, which hides the members' addresses from each other. */
  readonly iceTransportPolicy: RTCIceTransportPolicy;
  /**
   * Whether tabs of one browser are linked over a BroadcastChannel, for which no server and no network is needed. True by
   * default; false links them over WebRTC, like everybody else.
   */
  readonly tabLinks: boolean;
  /** What WebRTC is driven with: simple-peer, or the browser's own RTCPeerConnection. */
  readonly webrtc: 'simple-peer' | 'bare';
}

const runBytes = 8;

function fillRandom(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
}

function randomText(length: number): string {
  const bytes = new Uint8Array(length);
  fillRandom(bytes);
  return toBase64Url(bytes);
}

/** Web Locks are there in secure pages only, whatever the types say. */
function hasLocks(): boolean {
  return typeof navigator !== 'undefined' && 'locks' in navigator;
}

/** @throws RaftError NOT_SUPPORTED, INVALID_ARGUMENT */
function checkEnvironment(options: BrowserHostOptions): void {
  const lacks: string[] = [];
  if (typeof RTCPeerConnection === 'undefined') lacks.push('WebRTC');
  if (typeof WebSocket === 'undefined') lacks.push('WebSocket');
  if (options.storage === 'indexeddb') {
    if (typeof indexedDB === 'undefined') lacks.push('IndexedDB');
    if (!hasLocks()) lacks.push('Web Locks (the page must be secure)');
  }
  if (lacks.length > 0) throw new RaftError('NOT_SUPPORTED', `this browser, or page, lacks ${lacks.join(', ')}`);
  checkConfiguration(configurationOf(options), (configuration) => new RTCPeerConnection(configuration));
}

function configurationOf({ iceServers, iceTransportPolicy }: BrowserHostOptions): RTCConfiguration {
  return { iceServers: [...iceServers], iceTransportPolicy };
}

export interface BrowserHostListener {
  /** The last of its groups was closed. */
  idle(): void;
  /** Called once. */
  closed(): void;
}

/**
 * Opens the host of this tab.
 * @throws RaftError NOT_SUPPORTED, INVALID_ARGUMENT, STORAGE_IN_USE, STORAGE_FAILED, STORAGE_CORRUPT
 */
export async function openBrowserHost(options: BrowserHostOptions, listener: BrowserHostListener): Promise<Host> {
  checkEnvironment(options);
  const hold = await PageHold.take(options.storage === 'indexeddb');
  const database = await openDatabase(hold, options);
  const identity = await hostSigner(database);
  const clock = new WorkerClock();
  const connections = new OpenConnections(options.webrtc === 'bare' ? barePeer() : simplePeer());
  const host = new Host({
    database,
    clock,
    connector: (listener) =>
      new Mesh(listener, {
        identity,
        run: randomText(runBytes),
        timers: timersOf(clock),
        openWebSocket: (url) => new WebSocket(url),
        ...(options.tabLinks && hasLocks() && { tabLocks: navigator.locks }),
        connect: connections.connect,
        configuration: configurationOf(options),
      }),
    estimateStorage,
    fillRandom,
    idle: () => {
      listener.idle();
    },
    release: () => {
      clock.close();
      hold.release();
      listener.closed();
    },
  });
  hold.whenEnded((reason) => {
    host.close(reason);
    connections.destroy();
  });
  return host;
}

/** Time for links, which the worker keeps going in a hidden tab as well. */
function timersOf(clock: WorkerClock): Timers {
  return {
    now: () => clock.now(),
    every: (milliseconds, callback) => clock.every(milliseconds, callback),
    after: (milliseconds, callback) => {
      const stop = clock.every(Math.max(1, milliseconds), () => {
        stop();
        callback();
      });
      return stop;
    },
    random: () => Math.random(),
  };
}

async function openDatabase(hold: PageHold, { durability }: BrowserHostOptions): Promise<Database> {
  try {
    if (hold.database === null) return new MemoryDatabase(await makeIdentity());
    return await IndexedDbDatabase.open(hold.database, { durability });
  } catch (error) {
    hold.release();
    throw error;
  }
}
