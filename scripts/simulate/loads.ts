/**
 * Loads of a known size, for measuring how fast a simulation is: the seed draws the faults, the network and the disks as it
 * does for any run, but the group has five members with the options that a real one has, and as many clients as are named
 * here (docs/simulation.md says why these).
 */
import { drawPlan, type Plan } from '../../src/simulation/plan.ts';

export type LoadName = 'steady' | 'saturated';

interface Load {
  readonly clients: number;
  /** Milliseconds between the operations of a client, at most. */
  readonly thinkMs: number;
  /** How many keys of each type they share; as many as the seed draws when null. */
  readonly keys: number | null;
}

const members = 5;

const loads: Readonly<Record<LoadName, Load>> = {
  /** Somebody at every tab, who does two things a second: ten operations a second, six of which go through the log. */
  steady: { clients: members, thinkMs: 400, keys: null },
  /** A client asks again as soon as it is answered: over three hundred operations a second. */
  saturated: { clients: 50, thinkMs: 20, keys: 20 },
};

export function loadedPlan(name: LoadName, seed: number): Plan {
  const { clients, thinkMs, keys } = loads[name];
  const drawn = drawPlan(seed, { members, clients });
  return { ...drawn, options: {}, thinkMs, keys: keys ?? drawn.keys };
}
