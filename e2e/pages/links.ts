/** Links in a bare page, both ends in it: the acceptance suite, and what the benchmark measures. */
import { linkAcceptance } from '../../src/testing/link-acceptance.ts';
import { broadcastPair, linkHarness, type Opening, webRtcPair } from '../../src/testing/link-pairs.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import { type LinkMeasures, linkMeasures } from '../../bench/link-measures.ts';
import { BroadcastLink } from '../../src/transport/broadcast-link.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';
import { runCases } from './cases.ts';

const openers: Readonly<Record<'simple-peer' | 'bare' | 'broadcast', Opening>> = {
  'simple-peer': webRtcPair(simplePeer()),
  bare: webRtcPair(barePeer()),
  broadcast: broadcastPair(navigator.locks),
};

export type LinkKind = keyof typeof openers;

const accept = (kind: LinkKind): Promise<string[]> =>
  runCases(linkAcceptance(() => Promise.resolve(linkHarness(openers[kind]))));

const tabEnds: string[] = [];
let tabFrames = 0;

/** Opens one end of a link to another tab, and says hello on it until the other end does. */
function watchTab(here: string, there: string): void {
  const link = new BroadcastLink(
    { name: 'between two tabs', here, there, locks: navigator.locks },
    {
      received: () => tabFrames++,
      closed: ({ reason }) => tabEnds.push(reason),
    },
  );
  const timer = setInterval(() => {
    link.send(new Uint8Array(8), 'control');
    if (link.state === 'closed') clearInterval(timer);
  }, 50);
}

const measures = linkMeasures({
  link: openers,
  connection: () => new RTCPeerConnection(),
});

export interface LinksPage extends LinkMeasures {
  accept(kind: LinkKind): Promise<string[]>;
  watchTab(here: string, there: string): void;
  /** Why the link to the other tab ended. */
  readonly tabEnds: readonly string[];
  /** What came from it. */
  readonly tabFrames: number;
}

const linksPage: LinksPage = {
  watchTab,
  tabEnds,
  get tabFrames() {
    return tabFrames;
  },
  accept,
  ...measures,
};

Object.assign(globalThis, { linksPage });
