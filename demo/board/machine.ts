/** A board of cards: what is replicated, and nothing of how it looks. */
import { type Applied, defineMachine, type MachineDefinition } from 'flotilla';

export const columns = ['To do', 'Doing', 'Done'] as const;

export type Column = (typeof columns)[number];

export interface Card {
  readonly id: string;
  readonly title: string;
  readonly column: Column;
}

/** In the order in which they stand in their columns. */
export type Board = readonly Card[];

export type Command =
  | { readonly op: 'add'; readonly id: string; readonly title: string }
  /** Puts a card into a column, before another one, or last. */
  | { readonly op: 'move'; readonly id: string; readonly column: Column; readonly before: string | null }
  | { readonly op: 'remove'; readonly id: string };

export const board: MachineDefinition<Board, Command, null> = defineMachine({
  name: 'flotilla board 1',
  initial: [] as Board,
  apply(cards: Board, command: Command): Applied<Board, null> {
    const { id } = command;
    const card = cards.find((each) => each.id === id);
    const others = cards.filter((each) => each.id !== id);
    if (command.op === 'add') {
      if (card !== undefined) throw new Error('there is such a card already');
      return { state: [...cards, { id, title: command.title, column: columns[0] }], result: null };
    }
    if (card === undefined) throw new Error('somebody has taken that card away');
    if (command.op === 'remove') return { state: others, result: null };
    const { column, before } = command;
    if (!columns.includes(column)) throw new Error(`there is no column ${column}`);
    // Whoever it was to stand before may be gone, or elsewhere: then it stands last.
    const place = others.findIndex((each) => each.id === before && each.column === column);
    const at = place === -1 ? others.length : place;
    return { state: [...others.slice(0, at), { ...card, column }, ...others.slice(at)], result: null };
  },
});
