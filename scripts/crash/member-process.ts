/**
 * A process with a whole member in it: the driver, a machine, a LevelDB store, and WebRTC links to the others. It proposes
 * when it is told to, and says of each command that was acknowledged where it is, until it is killed. Arguments: directory,
 * and the address of the broker for the founder, or an invite.
 */
import { writeSync } from 'node:fs';
import { defineMachine } from '../../src/index.ts';
import { LevelDatabase, openNodeHost } from '../../src/node/index.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { type Asked, lineReader, type Said } from './messages.ts';

const [directory = '', address = ''] = process.argv.slice(2);
const founders = 3;

const list = defineMachine({
  name: 'crash list',
  initial: [] as readonly string[],
  apply: (state: readonly string[], command: string) => ({ state: [...state, command], result: state.length + 1 }),
});

/** At once, and not through a buffer that dies with us; a state is more than a pipe takes at a time. */
function say(said: Said): void {
  const line = Buffer.from(`${JSON.stringify(said)}\n`);
  for (let written = 0; written < line.byteLength;) {
    try {
      written += writeSync(1, line, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

const host = await openNodeHost({ database: await LevelDatabase.open(directory) });
const group = address.startsWith('ws://')
  ? await host.create(list, address, founders)
  : await host.join(list, decodeInvite(address));
group.on('stopped', (error) => {
  // The parent sees it on our standard error, and that we have ended.
  throw error;
});

let isFlooding = false;
let lanes = 0;

function leadership() {
  const { term, leader } = group.status().member ?? {};
  return term === undefined || leader === null || leader === undefined ? null : { term, leader };
}

async function proposeWithoutEnd(name: string): Promise<void> {
  lanes++;
  for (let n = 0; isFlooding; n++) {
    const command = `${name}.${n}`;
    const place = await group.propose(command, { timeoutMs: Infinity });
    say({ kind: 'acknowledged', said: { command, place }, leadership: leadership() });
  }
  if (--lanes === 0) say({ kind: 'calm' });
}

function answer(asked: Asked): void {
  switch (asked.kind) {
    case 'flood':
      isFlooding = true;
      for (let lane = 0; lane < asked.inFlight; lane++) void proposeWithoutEnd(`${asked.name}.${lane}`);
      break;
    case 'calm':
      isFlooding = false;
      if (lanes === 0) say({ kind: 'calm' });
      break;
    case 'propose':
      group.propose(asked.command, { timeoutMs: 50_000 }).then(
        (place) => {
          say({ kind: 'proposed', result: String(place) });
        },
        (error: unknown) => {
          say({ kind: 'proposed', result: String(error) });
        },
      );
      break;
    case 'state':
      say({ kind: 'state', state: group.state });
  }
}

process.stdin.on(
  'data',
  lineReader((line) => {
    answer(JSON.parse(line) as Asked);
  }),
);
say({ kind: 'opened', invite: group.invite, group: group.id });
