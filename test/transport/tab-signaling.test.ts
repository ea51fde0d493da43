/** Tabs as a place to meet, over real BroadcastChannels, with the locks of one process. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { FoundingWish } from '../../signaling-server/protocol.ts';
import type { MeetingListener } from '../../src/transport/meeting-place.ts';
import { TabSignaling } from '../../src/transport/tab-signaling.ts';
import { ProcessLocks } from './locks.ts';

/** One tab in one topic, and what it was told. */
class Tab implements MeetingListener {
  readonly told: string[] = [];
  readonly place: TabSignaling;
  readonly founding?: () => FoundingWish;
  readonly name: string;

  constructor(name: string, locks: LockManager, wish?: FoundingWish) {
    this.name = name;
    this.place = new TabSignaling(name, locks);
    if (wish !== undefined) this.founding = () => wish;
    this.place.join('topic', this);
    open.push(this);
  }

  joined(peers: readonly string[]): void {
    this.told.push(`joined ${[...peers].sort().join()}`);
  }

  peerJoined(): void {
    this.told.push('peer joined');
  }

  peerLeft(peer: string): void {
    this.told.push(`left ${peer}`);
  }

  relayed(from: string, data: string): void {
    this.told.push(`${from}: ${data}`);
  }

  stateChanged(state: string): void {
    this.told.push(state);
  }

  tokenChanged(isOurs: boolean): void {
    this.told.push(`token ${isOurs}`);
  }

  leave(): void {
    this.place.leave('topic');
  }

  until(text: string): Promise<void> {
    return vi.waitFor(() => {
      expect(this.told).toContain(text);
    });
  }
}

const open: Tab[] = [];

afterEach(() => {
  for (const tab of open.splice(0)) tab.leave();
});

test('each sees who was there before, hears what is for it alone, and is told who has gone', async () => {
  const locks = new ProcessLocks();
  const a = new Tab('a', locks);
  await a.until('joined ');
  const b = new Tab('b', locks);
  await b.until('joined a');
  const c = new Tab('c', locks);
  await c.until('joined a,b');
  b.place.relay('topic', 'a', 'hello');
  await a.until('b: hello');
  a.place.relay('topic', 'b', 'hello to you');
  await b.until('a: hello to you');
  expect(c.told).toEqual(['connecting', 'connected', 'joined a,b']);
  a.leave();
  await Promise.all([b.until('left a'), c.until('left a')]);
  a.place.relay('topic', 'b', 'too late');
  b.leave();
  await c.until('left b');
  expect(b.told).not.toContain('a: too late');
});

test('what another script of the origin says is not taken for anything', async () => {
  const a = new Tab('a', new ProcessLocks());
  await a.until('joined ');
  const script = new BroadcastChannel('flotilla.topic.topic');
  for (const nonsense of [null, 7, 'a', {}, { to: 'a', data: 'x' }, { from: 'x'.repeat(65), to: 'a', data: 'x' }]) {
    script.postMessage(nonsense);
  }
  script.postMessage({ from: 'x', to: 'a', data: 'the last' });
  await a.until('x: the last');
  expect(a.told.filter((text) => text.includes(':'))).toEqual(['x: the last']);
  script.close();
});

describe('the founder’s token', () => {
  test('is with the first who asks, and goes to the next when that one has gone', async () => {
    const locks = new ProcessLocks();
    const [a, b, c] = [new Tab('a', locks), new Tab('b', locks, 'ask'), new Tab('c', locks, 'ask')];
    await b.until('token true');
    await c.until('joined a,b');
    expect([...a.told, ...c.told]).not.toContain('token true');
    b.leave();
    await c.until('token true');
  });

  test('is with nobody once it is founded, for as long as somebody is there who knows', async () => {
    const locks = new ProcessLocks();
    const [a, b] = [new Tab('a', locks, 'ask'), new Tab('b', locks, 'ask')];
    await a.until('token true');
    a.place.founded('topic');
    const member = new Tab('member', locks, 'done');
    await member.until('joined a,b');
    a.leave();
    await b.until('left a');
    const late = new Tab('late', locks, 'ask');
    await late.until('joined b,member');
    member.leave();
    await late.until('left member');
    b.leave();
    // Nobody is there any more who is in what was founded.
    await late.until('token true');
    expect(b.told).not.toContain('token true');
  });
});
