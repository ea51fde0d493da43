/** The README's example of a room, and that for no framework over its group. */
import showPlainly from 'virtual:readme/plain.js';
import enter from 'virtual:readme/room.js';
import { defineMachine } from '../../src/index.ts';

const machine = defineMachine({
  name: 'examples',
  initial: 0,
  apply: (count: number, add: number) => ({ state: count + add, result: count + add }),
});

const signaling = new URLSearchParams(location.search).get('signaling');
showPlainly(await enter(machine, signaling ?? undefined), document.body);
