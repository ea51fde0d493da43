/** The place where the hosts of a group find each other, when somebody in the group has us talk without end. */
import { expect, test } from 'vitest';
import type { HostId } from '../../src/ids.ts';
import type { Introduction } from '../../src/transport/introduction.ts';
import type { MeetingPlace } from '../../src/transport/meeting-place.ts';
import { type Path, Rendezvous } from '../../src/transport/rendezvous.ts';
import { credentialsOf, until } from './peers.ts';

test('what waits to be sealed is bounded: what is beyond is lost, as on its way, and what comes later goes out', async () => {
  const relayed: string[] = [];
  const place: MeetingPlace = {
    join: () => undefined,
    leave: () => undefined,
    founded: () => undefined,
    relay: (_topic, to) => relayed.push(to),
  };
  const rendezvous = new Rendezvous(
    { credentials: await credentialsOf(7), run: 'ours', founding: null, places: { broker: place } },
    {
      introduced: () => undefined,
      lost: () => undefined,
      pass: () => undefined,
      signalingChanged: () => undefined,
      tokenChanged: () => undefined,
    },
  );
  const hello: Introduction = { kind: 'hello', host: 'A'.repeat(22) as HostId, run: 'ours', answerMe: true };
  const pathTo = (name: string): Path => ({ kind: 'broker', rendezvous, name });
  for (let i = 0; i < 2000; i++) rendezvous.say(pathTo(`nobody ${i}`), null, hello);
  await until(() => relayed.length === 512, 'what was taken to go out');
  rendezvous.say(pathTo('somebody'), null, hello);
  await until(() => relayed.at(-1) === 'somebody', 'the next one');
  expect(relayed).toHaveLength(513);
  expect(relayed[511]).toBe('nobody 511');
});
