/** The README's examples for Svelte and for no framework, over one group of this tab. */
import { mount } from 'svelte';
import Counter from 'virtual:readme/Counter.svelte';
import showPlainly from 'virtual:readme/plain.js';
import { createGroup, defineMachine } from '../../src/index.ts';

const machine = defineMachine({
  name: 'examples',
  initial: 0,
  apply: (count: number, add: number) => ({ state: count + add, result: count + add }),
});

const signaling = new URLSearchParams(location.search).get('signaling') ?? '';
const group = await createGroup({ machine, signaling, founders: 1 });

function section(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no section ${id}`);
  return found;
}

mount(Counter, { target: section('svelte'), props: { group } });
showPlainly(group, section('plain'));
