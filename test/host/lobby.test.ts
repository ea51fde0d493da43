/** The lobby of a room: what is said in it, and when the founder's token counts. */
import { expect, test } from 'vitest';
import { Lobby } from '../../src/host/lobby.ts';
import { deriveCredentials, fullAccess } from '../../src/identity/access.ts';
import type { GroupId, HostId, NodeId } from '../../src/ids.ts';
import type { Connector, GroupEntry, GroupListener, PeerLink, RoomOffer } from '../../src/transport/transport.ts';
import { VirtualClock } from '../group/world.ts';

const room = 'RRRRRRRRRRRRRRRRRRRRRQ' as GroupId;
const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const access = fullAccess(new Uint8Array(32).fill(5));
const credentials = await deriveCredentials(room, access);

interface Stage {
  readonly clock: VirtualClock;
  readonly lobby: Lobby;
  readonly entry: GroupEntry;
  readonly listener: GroupListener;
  /** What the connector was told is founded. */
  readonly founded: GroupId[];
  offer: RoomOffer | null;
  changes: number;
  bans: number;
}

/** A lobby whose connector is played by the test. */
function enter(holdTokenMs: number): Stage {
  const clock = new VirtualClock();
  const joined: { entry: GroupEntry; listener: GroupListener }[] = [];
  const founded: GroupId[] = [];
  const connector: Connector = {
    join: (entry, listener) => {
      joined.push({ entry, listener });
      return () => undefined;
    },
    founded: (what) => founded.push(what),
    meetsWithoutBroker: true,
    diagnose: () => Promise.reject(new Error('nobody asks')),
    close: () => undefined,
  };
  const stage = { clock, founded, offer: null as RoomOffer | null, changes: 0, bans: 0 };
  const lobby = new Lobby({
    connector,
    clock,
    credentials,
    holdTokenMs,
    signaling: null,
    member: 'H.I' as NodeId,
    mayEnter: () => null,
    offer: () => stage.offer,
    changed: () => stage.changes++,
    banned: () => stage.bans++,
  });
  const [first] = joined;
  if (first === undefined) throw new Error('nobody joined');
  return Object.assign(stage, { lobby, ...first });
}

class Link implements PeerLink {
  readonly peer = 'HHHHHHHHHHHHHHHHHHHHHH' as HostId;
  readonly told: (RoomOffer | null)[] = [];
  readonly minor = 0;
  bufferedBytes = () => 0;
  admissionTo = () => null;
  send = () => true;
  refuse = () => undefined;
  close = () => undefined;
  offer(_room: GroupId, offer: RoomOffer | null): void {
    this.told.push(offer);
  }
}

test('the token counts when it has been held for a while, and no more when it is with another', () => {
  const { lobby, listener, clock } = enter(1000);
  listener.tokenChanged?.(true);
  clock.pass(999);
  expect(lobby.hasToken).toBe(false);
  clock.pass(1);
  expect(lobby.hasToken).toBe(true);
  listener.tokenChanged?.(false);
  expect(lobby.hasToken).toBe(false);
  listener.tokenChanged?.(true);
  clock.pass(500);
  listener.tokenChanged?.(false);
  clock.pass(5000);
  expect(lobby.hasToken).toBe(false);
});

test('the token counts at once for those who gather others first', () => {
  const { lobby, listener } = enter(0);
  listener.tokenChanged?.(true);
  expect(lobby.hasToken).toBe(true);
});

test('everybody is told what we offer: who comes, and those who are there when it is another', () => {
  const stage = enter(0);
  const [early, late] = [new Link(), new Link()];
  stage.listener.met(early);
  expect(stage.entry.founding?.()).toBe('ask');
  stage.offer = { group, access, signaling: null, isFounded: false };
  stage.lobby.spread();
  stage.listener.met(late);
  expect(stage.founded).toEqual([]);
  stage.offer = { ...stage.offer, isFounded: true };
  stage.lobby.spread();
  expect(stage.founded).toEqual([room]);
  expect(stage.entry.founding?.()).toBe('done');
  expect(early.told.map((offer) => offer?.isFounded ?? null)).toEqual([null, false, true]);
  expect(late.told.map((offer) => offer?.isFounded ?? null)).toEqual([false, true]);
});

test('what somebody offers counts for as long as he is there', () => {
  const { lobby, listener } = enter(0);
  const link = new Link();
  listener.met(link);
  expect([lobby.others, lobby.offers]).toEqual([1, []]);
  const offer: RoomOffer = { group, access, signaling: 'ws://h', isFounded: false };
  listener.offered?.(link, offer);
  expect(lobby.offers).toEqual([offer]);
  listener.offered?.(link, null);
  expect(lobby.offers).toEqual([]);
  listener.offered?.(link, offer);
  listener.parted(link);
  expect([lobby.others, lobby.offers]).toEqual([0, []]);
});
