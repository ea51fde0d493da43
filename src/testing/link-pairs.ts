/** Links to try out: both ends in one process or page, connected without a broker. */
import type { Connect } from '../transport/connection.ts';
import { BroadcastLink } from '../transport/broadcast-link.ts';
import { type Defer, MemoryLink } from '../transport/memory-link.ts';
import { plainTimers } from '../transport/timers.ts';
import { defaultStageTimeouts } from '../transport/attempt.ts';
import { WebRtcAttempt } from '../transport/webrtc-attempt.ts';
import type { Link, LinkListener } from '../transport/link.ts';
import type { LinkHarness } from './link-acceptance.ts';

/** Opens a link, both ends here; each end tells its listener. */
export type Opening = (one: LinkListener, other: LinkListener) => Promise<readonly [Link, Link]>;

/** A harness that closes what it has opened. */
export function linkHarness(open: Opening): LinkHarness {
  const opened: Link[] = [];
  return {
    async open(one, other) {
      const pair = await open(one, other);
      opened.push(...pair);
      return pair;
    },
    dispose() {
      for (const link of opened) link.close();
      return Promise.resolve();
    },
  };
}

export const memoryPair =
  (defer?: Defer): Opening =>
  (one, other) =>
    Promise.resolve(MemoryLink.pair(one, other, defer));

let pairs = 0;

/** @param locks left out where the environment has none */
export const broadcastPair =
  (locks?: LockManager): Opening =>
  (one, other) => {
    const name = `pair-${++pairs}-${Math.random()}`;
    const watch = locks && { locks };
    return Promise.resolve([
      new BroadcastLink({ name, here: 'a', there: 'b', ...watch }, one),
      new BroadcastLink({ name, here: 'b', there: 'a', ...watch }, other),
    ]);
  };

/** @param connects how the end that offers connects, and how the other one does, if that is otherwise */
export const webRtcPair =
  (connects: Connect | readonly [Connect, Connect], configuration: RTCConfiguration = { iceServers: [] }): Opening =>
  async (...listeners) => {
    const attempts: WebRtcAttempt[] = [];
    const opening = listeners.map(
      (listener, i) =>
        new Promise<Link>((resolve, reject) => {
          const initiator = i === 0;
          const init = {
            number: 1,
            initiator,
            connect: typeof connects === 'function' ? connects : connects[initiator ? 0 : 1],
            configuration,
            timers: plainTimers,
            timeouts: defaultStageTimeouts,
          };
          attempts.push(
            new WebRtcAttempt(init, {
              signal: (signal) => attempts[1 - i]?.signal(signal),
              opened: (link) => {
                resolve(link);
                return listener;
              },
              failed: ({ reason, detail }) => {
                reject(new Error(`${reason}: ${detail}`));
              },
            }),
          );
        }),
    );
    const [one, other] = await Promise.all(opening);
    if (one === undefined || other === undefined) throw new Error('two listeners make two ends');
    return [one, other];
  };
