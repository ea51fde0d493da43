import type { Opening } from '../src/testing/link-pairs.ts';
import type { LinkListener } from '../src/transport/link.ts';
import type { Pipe } from './pipe.ts';

/** A link, to be measured. */
export async function linkPipe(open: Opening, bulkBytes: number): Promise<Pipe> {
  const listener = (at: 0 | 1): LinkListener => ({
    received: (_frame, lane) => {
      if (lane === 'control') pipe.onControl(at);
      else pipe.onBulk();
    },
    closed: () => undefined,
  });
  const links = await open(listener(0), listener(1));
  const pipe: Pipe = {
    bulkBytes,
    send: (from, message, lane) => links[from].send(message, lane),
    // Links have no event for it: those who send try again when they have something to send anyway. Here after 1 to 4 ms.
    whenRoom: () => new Promise((resolve) => setTimeout(resolve, 0)),
    onControl: () => undefined,
    onBulk: () => undefined,
    close: () => {
      links[0].close();
    },
  };
  return pipe;
}
