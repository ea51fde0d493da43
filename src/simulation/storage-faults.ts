/** What the faults of disks do. */
import { crash, crashWhen } from './crashes.ts';
import type { AnyProcess, FaultActions, FaultContext } from './fault-context.ts';

/** A store is lost, for good. Not while that could cost the group what it has agreed on. */
function loseStore(context: FaultContext, lose: (process: AnyProcess) => boolean): AnyProcess | null {
  const process = context.pick();
  if (process === null || !context.caretaker.canLose(process)) return null;
  const isLost = lose(process);
  process.crash({ reached: () => 0, isAnnounced: true });
  if (isLost) context.caretaker.lost(process);
  else process.start();
  return process;
}

export const storageFaults: FaultActions = {
  'slow-disk': (context) => {
    const process = context.pick();
    if (process === null) return null;
    const { group, choose, later } = context;
    group.slowDown(process.name, 2 + choose(40));
    later(() => {
      group.slowDown(process.name, 1);
    });
    return process;
  },
  'write-error': (context) => withDisk(context, 'failingWrites'),
  'aborted-write': (context) => withDisk(context, 'failingAfterWrites'),
  'read-error': (context) => {
    const process = withDisk(context, 'failingReads');
    if (process !== null) crash(context, process, 100);
    return process;
  },
  'torn-tail': (context) => {
    const process = context.pick();
    if (process === null) return null;
    context.group.slowDown(process.name, 20);
    const isTime = ({ pendingWrites }: AnyProcess): boolean => pendingWrites > 1;
    context.later(() => {
      context.group.slowDown(process.name, 1);
    });
    return crashWhen(context, process, isTime);
  },
  'half-snapshot': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.run(() => process.member?.takeSnapshot());
    return crashWhen(context, process, ({ isStaging }) => isStaging);
  },
  'blocked-open': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.diskFaults.openDelay = 10_000 + context.choose(120_000);
    crash(context, process, 100);
    context.later(() => {
      process.diskFaults.openDelay = 0;
    });
    return process;
  },
  eviction: (context) =>
    loseStore(context, (process) => {
      process.disk.isEvicted = true;
      return true;
    }),
  'corrupt-store': (context) =>
    loseStore(context, (process) => {
      process.disk.isDamaged = true;
      return true;
    }),
  'stores-disagree': (context) => loseStore(context, (process) => process.disk.loseSnapshots()),
};

function withDisk(
  { pick }: FaultContext,
  fault: 'failingWrites' | 'failingReads' | 'failingAfterWrites',
): AnyProcess | null {
  const process = pick();
  if (process !== null) process.diskFaults[fault]++;
  return process;
}
