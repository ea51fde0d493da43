/** How a process dies in a fault, at the moment or later, and comes back. */
import type { AnyProcess, FaultContext } from './fault-context.ts';

/** Comes back at once, or after half, two or twenty election timeouts. */
export function restartLater({ group, choose, after }: FaultContext, process: AnyProcess): void {
  const electionMs = group.electionMs;
  const wait = [0, electionMs / 2, 2 * electionMs, 20 * electionMs][choose(4)] ?? 0;
  after(wait, () => {
    process.start();
  });
}

export function crash(context: FaultContext, process: AnyProcess, share: number): void {
  const reached = (pending: number): number => Math.floor((pending * share) / 100);
  process.crash({ reached, isAnnounced: context.choose(3) === 0 });
  restartLater(context, process);
}

/** A process dies as soon as it is time for it. */
export function crashWhen(
  context: FaultContext,
  process: AnyProcess | null,
  isTime: (process: AnyProcess) => boolean,
): AnyProcess | null {
  if (process === null) return null;
  const look = (tries: number): void => {
    if (!process.isRunning || tries === 0) return;
    if (isTime(process)) {
      crash(context, process, context.choose(101));
      return;
    }
    context.after(5, () => {
      look(tries - 1);
    });
  };
  look(1_000);
  return process;
}
