/** How connections end: so that the other end hears of it, and nobody waits for long. */
import { describe, expect, test } from 'vitest';
import type { Connect, Connection, ConnectionListener } from '../../src/transport/connection.ts';
import type { LinkEnd } from '../../src/transport/link.ts';
import { OpenConnections } from '../../src/transport/open-connections.ts';
import { WebRtcLink } from '../../src/transport/webrtc-link.ts';
import { ManualTimers } from './peers.ts';

/** A connection to nowhere, which writes down what becomes of it. */
class Line implements Connection {
  readonly peerConnection = { currentLocalDescription: null, currentRemoteDescription: null } as RTCPeerConnection;
  readonly told: string[] = [];
  over: () => void = () => undefined;

  signal(): void {
    this.told.push('signal');
  }

  destroy(): void {
    this.told.push('destroy');
  }

  hangUp(over: () => void): void {
    this.told.push('hang up');
    this.over = over;
  }
}

const noChannel = { bufferedBytes: 0, send: () => undefined };

describe('a link over WebRTC that is closed', () => {
  function closedLink(end?: LinkEnd): { line: Line; timers: ManualTimers; ends: LinkEnd[] } {
    const [line, timers, ends] = [new Line(), new ManualTimers(), [] as LinkEnd[]];
    const listener = { received: () => undefined, closed: (end: LinkEnd) => ends.push(end) };
    const link = new WebRtcLink(
      { connection: line, channels: { control: noChannel, bulk: noChannel }, timers },
      listener,
    );
    link.close(end);
    link.close(end);
    return { line, timers, ends };
  }

  test('hangs up, and is not cut before the other end can have heard of it', () => {
    const { line, timers, ends } = closedLink();
    expect(ends).toHaveLength(1);
    timers.pass(1000);
    expect(line.told).toEqual(['hang up']);
    line.over();
    timers.pass(60_000);
    expect(line.told).toEqual(['hang up']);
  });

  test.each(['silent', 'asleep'] as const)(
    'because an end is %s is cut at once: nothing stale is to arrive',
    (reason) => {
      const { line, timers, ends } = closedLink({ reason, detail: 'it stood still' });
      expect(line.told).toEqual(['destroy']);
      timers.pass(60_000);
      expect([line.told, ends.length]).toEqual([['destroy'], 1]);
    },
  );

  test('is cut when the other end does not answer', () => {
    const { line, timers } = closedLink();
    timers.pass(2000);
    expect(line.told).toEqual(['hang up', 'destroy']);
  });
});

test('all connections of a page end with it, also those that are hanging up, and none twice', () => {
  const lines: Line[] = [];
  const listeners: ConnectionListener[] = [];
  const connect: Connect = (_initiator, _configuration, listener) => {
    listeners.push(listener);
    const line = new Line();
    lines.push(line);
    return line;
  };
  const ends: string[] = [];
  const listener: ConnectionListener = {
    signal: () => undefined,
    opened: () => undefined,
    received: () => undefined,
    drained: () => undefined,
    closed: ({ detail }) => ends.push(detail),
  };
  const connections = new OpenConnections(connect);
  const made = [0, 1, 2, 3, 4].map(() => connections.connect(true, {}, listener));
  const over: string[] = [];
  made[0]?.destroy();
  listeners[1]?.closed({ reason: 'failed', detail: 'it broke' });
  made[2]?.hangUp(() => over.push('answered'));
  lines[2]?.over();
  made[3]?.hangUp(() => over.push('never'));
  connections.destroy();
  connections.destroy();
  expect(lines.map(({ told }) => told)).toEqual([['destroy'], [], ['hang up'], ['hang up', 'destroy'], ['destroy']]);
  expect([ends, over]).toEqual([['it broke'], ['answered']]);
});
