/** Somebody who wants to get into a live group, made of the parts of an honest host, one of them bent. Runs in Node. */
import wrtc from '@roamhq/wrtc';
import { WebSocket as NodeWebSocket } from 'ws';
import type { Credentials } from '../src/identity/access.ts';
import { makeIdentity } from '../src/identity/host-keys.ts';
import { type HostSigner, hostSigner } from '../src/identity/host-signer.ts';
import type { NodeId } from '../src/ids.ts';
import { encodeFrame } from '../src/transport/codec.ts';
import type { Connect, Connection } from '../src/transport/connection.ts';
import type { Lane } from '../src/transport/link.ts';
import { Mesh } from '../src/transport/mesh.ts';
import type { GroupMessage } from '../src/transport/messages.ts';
import { simplePeer } from '../src/transport/simple-peer-connection.ts';
import { plainTimers } from '../src/transport/timers.ts';
import type { PeerLink, RefusalNotice } from '../src/transport/transport.ts';
import type { LaneChannel } from '../src/transport/outlet.ts';

export const honest: Connect = simplePeer(wrtc);

export const newSigner = async (): Promise<HostSigner> => hostSigner(await makeIdentity());

export interface IntruderInit {
  readonly credentials: Credentials;
  readonly broker: string;
  readonly signer?: HostSigner;
  readonly member?: (signer: HostSigner) => NodeId;
  readonly connect?: Connect;
}

export interface Intruder {
  readonly signer: HostSigner;
  readonly member: NodeId;
  readonly links: PeerLink[];
  readonly refusals: RefusalNotice[];
  readonly mesh: Mesh;
  /** Says something to everybody it is linked to. */
  send(message: GroupMessage): void;
  close(): void;
}

let runs = 0;

export async function intrude(init: IntruderInit): Promise<Intruder> {
  const signer = init.signer ?? (await newSigner());
  const member = init.member?.(signer) ?? (`${signer.id}.IIIIIIIIIII` as NodeId);
  const links: PeerLink[] = [];
  const refusals: RefusalNotice[] = [];
  const mesh = new Mesh(
    { received: () => undefined },
    {
      identity: signer,
      run: `intruder ${++runs} ${Math.random()}`,
      timers: plainTimers,
      openWebSocket: (url) => new NodeWebSocket(url) as unknown as WebSocket,
      connect: init.connect ?? honest,
      configuration: { iceServers: [] },
    },
  );
  const { credentials, broker } = init;
  mesh.join(
    { credentials, broker, member, mayEnter: () => null },
    {
      met: (link) => links.push(link),
      parted: () => undefined,
      refused: (notice) => refusals.push(notice),
      signalingChanged: () => undefined,
    },
  );
  return {
    signer,
    member,
    links,
    refusals,
    mesh,
    send: (message) => {
      for (const link of links) link.send(encodeFrame(credentials.group, message), 'control');
    },
    close: () => {
      mesh.close();
    },
  };
}

const bulkFlag = 4;
const laneOf = (message: Uint8Array): Lane => (((message[0] ?? 0) & bulkFlag) === 0 ? 'control' : 'bulk');

type Channels = Readonly<Record<Lane, LaneChannel>>;

/** Lets what goes out on the control lane be recorded, or replaced. */
export function tapped(tap: (message: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>): Connect {
  return (initiator, configuration, listener) =>
    honest(initiator, configuration, {
      ...listener,
      opened: (channels) => {
        const control: LaneChannel = {
          get bufferedBytes() {
            return channels.control.bufferedBytes;
          },
          send: (message) => {
            channels.control.send(tap(message));
          },
        };
        listener.opened({ ...channels, control });
      },
    });
}

/**
 * Somebody between two honest hosts, as a broker would be who swaps the fingerprints in what it relays: each of the two
 * has an encrypted connection with him, and he passes on all that they say.
 */
export const inTheMiddle: Connect = (initiator, configuration, listener) => {
  /** What either end has said before the other one was connected. */
  const waiting: { readonly to: 'near' | 'far'; readonly message: Uint8Array<ArrayBuffer> }[] = [];
  const open: Partial<Record<'near' | 'far', Channels>> = {};
  const pass = (to: 'near' | 'far', message: unknown): void => {
    const bytes = message instanceof ArrayBuffer ? new Uint8Array(message) : Uint8Array.from(message as Uint8Array);
    waiting.push({ to, message: bytes });
    flush();
  };
  const flush = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const channels = open[next.to];
      if (channels === undefined) return;
      waiting.shift();
      try {
        channels[laneOf(next.message)].send(next.message);
      } catch {
        // Whoever was deceived has hung up.
      }
    }
  };
  const made: Connection[] = [];
  // The near side is connected when the far side is: from then on the victim listens to no more signals.
  const later: (() => void)[] = [];
  const whenFar = (run: () => void): void => {
    if (open.far === undefined) later.push(run);
    else run();
  };
  const ignore = { drained: () => undefined, closed: () => undefined };
  const victim = honest(initiator, configuration, {
    ...listener,
    signal: (signal) => {
      whenFar(() => made[0]?.signal(signal));
    },
  });
  made.push(
    honest(!initiator, configuration, {
      ...ignore,
      signal: (signal) => {
        whenFar(() => {
          victim.signal(signal);
        });
      },
      opened: (channels) => {
        open.near = channels;
        flush();
      },
      received: (message) => {
        pass('far', message);
      },
    }),
    honest(initiator, configuration, {
      ...ignore,
      signal: (signal) => {
        listener.signal(signal);
      },
      opened: (channels) => {
        open.far = channels;
        for (const run of later.splice(0)) run();
        flush();
      },
      received: (message) => {
        pass('near', message);
      },
    }),
  );
  const destroy = (): void => {
    for (const one of [victim, ...made]) one.destroy();
  };
  return {
    peerConnection: victim.peerConnection,
    signal: (signal) => made[1]?.signal(signal),
    destroy,
    hangUp: (over) => {
      destroy();
      over();
    },
  };
};
