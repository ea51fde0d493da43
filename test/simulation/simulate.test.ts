/** The example of docs/simulation.md: a machine with a planted bug, and the same one mended. */
import { describe, expect, it } from 'vitest';
import { defineMachine, type MachineDefinition, simulate, type SimulateOptions } from 'flotilla/simulation';

interface Raffle {
  readonly tickets: readonly string[];
  readonly winner: string | null;
}

/** Every tenth ticket, a winner is drawn. */
function raffle(
  draw: (bound: number, random: { below(bound: number): number }) => number,
): MachineDefinition<Raffle, string, number> {
  return defineMachine<Raffle, string, number>({
    name: 'raffle',
    initial: { tickets: [], winner: null },
    apply({ tickets, winner }, name, { random }) {
      const sold = [...tickets, name];
      if (sold.length < 10) return { state: { tickets: sold, winner }, result: sold.length };
      return { state: { tickets: [], winner: sold[draw(10, random)] ?? null }, result: 10 };
    },
  });
}

const planted = raffle((bound) => Math.floor(Math.random() * bound));
const mended = raffle((bound, random) => random.below(bound));

function options(
  machine: MachineDefinition<Raffle, string, number>,
  seed: number,
): SimulateOptions<Raffle, string, number> {
  const names = ['ada', 'barbara', 'grace', 'radia'];
  return {
    machine,
    seed,
    members: 3,
    chaosMs: 10_000,
    clients: { count: 3, command: (random) => names[random.below(4)] ?? '' },
  };
}

describe('simulate', () => {
  it('finds a machine that is not deterministic, and tells how', () => {
    const { violation, story } = simulate(options(planted, 1));
    expect(violation?.invariant).toBe('S5');
    expect(violation?.message).toContain('came to another state');
    expect(story.length).toBeLessThanOrEqual(50);
    expect(story.at(-1)).toContain('S5');
  });

  it('has nothing to say against the same machine mended, and says what it has done', () => {
    for (const seed of [1, 2, 3]) {
      const report = simulate(options(mended, seed));
      expect(report.violation).toBeNull();
      expect(report.story).toEqual([]);
      expect(report.acknowledged).toBeGreaterThan(10);
      expect(simulate(options(mended, seed))).toEqual(report);
    }
  });

  it('holds every state to what its author says of it', () => {
    const report = simulate({
      ...options(mended, 4),
      invariant: ({ tickets }) => (tickets.length < 6 ? null : `${tickets.length} tickets are sold`),
    });
    expect(report.violation?.invariant).toBe('machine');
    expect(report.violation?.message).toContain('6 tickets are sold');
  });

  it('takes a machine that says no for an answer', () => {
    const machine = defineMachine({
      name: 'doorman',
      initial: 0,
      apply(inside: number, by: number) {
        if (inside + by < 0) throw new Error('nobody is inside');
        return { state: inside + by, result: inside + by };
      },
    });
    const command = (random: { below(bound: number): number }): number => random.below(2) * 2 - 1;
    const { violation, acknowledged } = simulate({
      machine,
      seed: 5,
      members: 3,
      chaosMs: 10_000,
      clients: { command },
    });
    expect(violation).toBeNull();
    expect(acknowledged).toBeGreaterThan(10);
  });

  it('makes the story short when it is asked to', { timeout: 60_000 }, () => {
    const machine = raffle((_bound, random) => random.below(10));
    const invariant = ({ winner }: Raffle): string | null => (winner === 'grace' ? 'grace must not win' : null);
    const asked = { ...options(machine, 6), invariant };
    const long = simulate(asked);
    const { story, violation } = simulate({ ...asked, shrink: true });
    expect(violation).toEqual(long.violation);
    expect(story.length).toBeLessThanOrEqual(50);
    expect(story.filter((line) => line.includes('fault '))).toEqual([]);
    expect(story.at(-1)).toContain('grace must not win');
  });

  it.each([
    ['seed', { seed: -1 }],
    ['seed', { seed: 0.5 }],
    ['members', { members: 0 }],
    ['chaosMs', { chaosMs: Number.NaN }],
    ['clients.count', { clients: { count: 0, command: () => 'ada' } }],
  ])('refuses a %s that cannot be', (name, wrong) => {
    expect(() => simulate({ ...options(mended, 1), ...wrong })).toThrow(`${name} is a whole number`);
  });
});
