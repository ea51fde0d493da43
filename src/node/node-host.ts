/** A host in Node: WebRTC through @roamhq/wrtc, WebSockets through ws, and whatever database it is given. */
import wrtc from '@roamhq/wrtc';
import { WebSocket as NodeWebSocket } from 'ws';
import { toBase64Url } from '../encoding/base64url.ts';
import type { Clock } from '../group/clock.ts';
import { Host } from '../host/host.ts';
import { randomBytes } from '../identity/crypto.ts';
import { makeIdentity } from '../identity/host-keys.ts';
import { hostSigner } from '../identity/host-signer.ts';
import type { Database } from '../storage/database.ts';
import { MemoryDatabase } from '../storage/memory.ts';
import { barePeer } from '../transport/bare-connection.ts';
import { Mesh } from '../transport/mesh.ts';
import { simplePeer } from '../transport/simple-peer-connection.ts';
import { checkConfiguration } from '../transport/webrtc-configuration.ts';
import { plainTimers } from '../transport/timers.ts';

export interface NodeHostOptions {
  /** Where identity, members and their logs are kept. Left out, in memory: they are gone with the process. */
  readonly database?: Database;
  /** STUN and TURN servers, for members that are not in one network. None by default. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly iceTransportPolicy?: RTCIceTransportPolicy;
  readonly webrtc?: 'simple-peer' | 'bare';
}

export interface NodeHostListener {
  /** The last of its groups was closed. */
  idle(): void;
}

const runBytes = 8;

/** Time in a process that nobody throttles. */
class NodeClock implements Clock {
  readonly #timers = new Set<ReturnType<typeof setInterval>>();

  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  every(milliseconds: number, callback: () => void): () => void {
    const timer = setInterval(callback, milliseconds);
    this.#timers.add(timer);
    return () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    };
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  later(callback: () => void): void {
    setImmediate(callback);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}

/**
 * Opens a host of this process. Closing it leaves its groups, which go on elsewhere.
 * @throws RaftError NOT_SUPPORTED where Node has no Ed25519, INVALID_ARGUMENT for ICE servers that are none
 */
export async function openNodeHost(
  options: NodeHostOptions = {},
  listener: NodeHostListener = { idle: () => undefined },
): Promise<Host> {
  const { iceServers = [], iceTransportPolicy = 'all' } = options;
  const configuration: RTCConfiguration = { iceServers: [...iceServers], iceTransportPolicy };
  const construct = (given: RTCConfiguration): RTCPeerConnection => new wrtc.RTCPeerConnection(given);
  checkConfiguration(configuration, construct);
  const database = options.database ?? new MemoryDatabase(await makeIdentity());
  const identity = await hostSigner(database);
  const clock = new NodeClock();
  return new Host({
    database,
    clock,
    connector: (mesh) =>
      new Mesh(mesh, {
        identity,
        run: toBase64Url(randomBytes(runBytes)),
        timers: plainTimers,
        openWebSocket: (url) => new NodeWebSocket(url) as unknown as WebSocket,
        connect: options.webrtc === 'bare' ? barePeer(construct) : simplePeer(wrtc),
        configuration,
      }),
    fillRandom: (bytes) => {
      bytes.set(randomBytes(bytes.byteLength));
    },
    idle: () => {
      listener.idle();
    },
    release: () => {
      clock.close();
    },
  });
}
