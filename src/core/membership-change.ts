/**
 * A change of membership as the data of an entry: JSON, escaped to ASCII. What comes out of a log was put in by a leader
 * that had checked it, possibly one with newer code: whatever this code does not understand changes nothing, on every
 * member alike.
 */
import type { MembershipChange, MembershipStep } from './configuration.ts';
import type { NodeId } from './types.ts';

export function encodeChange(change: MembershipChange): Uint8Array {
  return Uint8Array.from(encodeURIComponent(JSON.stringify(change)), (character) => character.charCodeAt(0));
}

/** Null for anything that is not a change of membership. */
export function decodeChange(data: Uint8Array): MembershipChange | null {
  let value: unknown;
  try {
    let text = '';
    for (const byte of data) text += String.fromCharCode(byte);
    value = JSON.parse(decodeURIComponent(text));
  } catch {
    return null;
  }
  const change = asRecord(value);
  if (change?.kind === 'leave-joint') return { kind: 'leave-joint' };
  const steps = decodeSteps(change?.steps);
  if (steps === null) return null;
  if (change?.kind === 'simple') return { kind: 'simple', steps };
  if (change?.kind !== 'enter-joint' || typeof change.autoLeave !== 'boolean') return null;
  return { kind: 'enter-joint', steps, autoLeave: change.autoLeave };
}

function decodeSteps(value: unknown): MembershipStep[] | null {
  if (!Array.isArray(value)) return null;
  const steps: MembershipStep[] = [];
  for (const item of value) {
    const step = asRecord(item);
    if (step === null || typeof step.id !== 'string') return null;
    const { kind } = step;
    if (kind !== 'add-voter' && kind !== 'add-learner' && kind !== 'add-witness' && kind !== 'remove') return null;
    steps.push({ kind, id: step.id as NodeId });
  }
  return steps;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
}
