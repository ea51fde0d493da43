/** Seats that are sold once: the machine says no to whoever comes second, in every tab alike. */
import { type Applied, defineMachine, type MachineDefinition } from 'flotilla';

export const rows = ['A', 'B', 'C', 'D', 'E'] as const;
export const seatsInRow = 8;

/** Who has which seat. */
export type Hall = Readonly<Record<string, string>>;

export type Command =
  | { readonly op: 'book'; readonly seat: string; readonly name: string }
  | { readonly op: 'free'; readonly seat: string; readonly name: string };

export const seats: readonly string[] = rows.flatMap((row) =>
  Array.from({ length: seatsInRow }, (_, i) => `${row}${i + 1}`),
);

/** The result is the seat. */
export const hall: MachineDefinition<Hall, Command, string> = defineMachine({
  name: 'flotilla booking 1',
  initial: {},
  apply(sold: Hall, { op, seat, name }: Command): Applied<Hall, string> {
    if (!seats.includes(seat)) throw new Error(`there is no seat ${seat}`);
    const owner = Object.hasOwn(sold, seat) ? sold[seat] : undefined;
    if (op === 'book') {
      if (owner !== undefined) throw new Error(`seat ${seat} is taken by ${owner}`);
      return { state: { ...sold, [seat]: name }, result: seat };
    }
    if (owner !== name) throw new Error(`seat ${seat} is not ${name}’s`);
    const { [seat]: _freed, ...rest } = sold;
    return { state: rest, result: seat };
  },
});
