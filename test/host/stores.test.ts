/** Groups as stores: what listeners hear, and what stays the same until it changes. */
import { describe, expect, test } from 'vitest';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups, turns } from './groups.ts';

interface Board {
  readonly title: string;
  readonly cards: readonly string[];
}

const empty: Board = { title: '', cards: [] };

const board = defineMachine({
  name: 'board',
  initial: empty,
  apply(state, command: { title: string } | { card: string } | { nothing: true }) {
    if ('title' in command) return { state: { ...state, title: command.title }, result: undefined };
    if ('nothing' in command) return { state, result: undefined };
    return { state: { ...state, cards: [...state.cards, command.card] }, result: undefined };
  },
});

describe('the state', () => {
  test('is the same object until it changes, and given to listeners at once and after each change', async () => {
    const world = new Groups(board);
    world.elect();
    const { getSnapshot, subscribe } = world.group('a');
    const heard: Board[] = [];
    const unsubscribe = subscribe((state) => heard.push(state));
    expect(heard).toEqual([getSnapshot()]);
    await world.value(world.group('a').propose({ title: 'one' }));
    await world.value(world.group('a').propose({ nothing: true }));
    await turns();
    expect(heard).toEqual([
      { title: '', cards: [] },
      { title: 'one', cards: [] },
    ]);
    expect(heard.at(-1)).toBe(getSnapshot());
    unsubscribe();
    await world.value(world.group('a').propose({ title: 'two' }));
    await turns();
    expect(heard).toHaveLength(2);
    expect(getSnapshot().title).toBe('two');
  });
});

describe('a part of it', () => {
  test('is a store whose listeners are called when that part changes', async () => {
    const world = new Groups(board);
    world.elect();
    const group = world.group('a');
    const count = group.select(({ cards }) => cards.length);
    const heard: number[] = [];
    const unsubscribe = count.subscribe((number) => heard.push(number));
    await world.value(group.propose({ title: 'one' }));
    await world.value(group.propose({ card: 'x' }));
    await turns();
    expect(heard).toEqual([0, 1]);
    expect(count.getSnapshot()).toBe(1);
    unsubscribe();
    await world.value(group.propose({ card: 'y' }));
    await turns();
    expect(heard).toEqual([0, 1]);
    expect(count.getSnapshot()).toBe(2);
  });

  test('stays the same object as long as it is as good as the same', async () => {
    const world = new Groups(board);
    world.elect();
    const group = world.group('a');
    let computed = 0;
    const select = ({ cards }: Board): { first: string | undefined } => {
      computed++;
      return { first: cards[0] };
    };
    const first = group.select(select, { isEqual: (one, other) => one.first === other.first });
    const heard: (string | undefined)[] = [];
    first.subscribe((part) => heard.push(part.first));
    await world.value(group.propose({ card: 'x' }));
    await turns();
    const part = first.getSnapshot();
    await world.value(group.propose({ card: 'y' }));
    await turns();
    expect(first.getSnapshot()).toBe(part);
    expect(heard).toEqual([undefined, 'x']);
    const before = computed;
    for (let i = 0; i < 10; i++) first.getSnapshot();
    expect(computed).toBe(before);
  });
});

describe('the status', () => {
  test('is the same object until something in it is different', async () => {
    const world = new Groups(board);
    world.elect();
    const group = world.group('a');
    world.world.clock.pass(1000);
    const rest = group.status();
    let calls = 0;
    group.on('status', () => calls++);
    world.world.clock.pass(1000);
    expect(group.status()).toBe(rest);
    expect(calls).toBe(0);
    await world.value(group.propose({ title: 'x' }));
    world.world.clock.pass(1000);
    expect(group.status()).not.toBe(rest);
    const { member } = group.status();
    // Nothing has changed since it was last told of.
    expect(member?.durable).toBe(member?.lastIndex);
    expect(calls).toBeGreaterThan(0);
  });
});
