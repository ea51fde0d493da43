/** What an application gives when it opens a group, checked before anything is begun. */
import { RaftError } from '../errors.ts';
import { isSignalingAddress } from '../identity/invite.ts';
import { type GroupId, isGroupId } from '../ids.ts';
import { maxMachineNameLength } from '../machine/machine.ts';

const maxFounders = 9;

/** @throws RaftError INVALID_ARGUMENT */
export function checkMachine({ name }: { readonly name: string }): void {
  if (typeof name !== 'string' || name === '' || name.length > maxMachineNameLength) {
    throw new RaftError('INVALID_ARGUMENT', `the machine's name must have 1 to ${maxMachineNameLength} characters`);
  }
}

/**
 * Null where there is to be no signaling server.
 * @throws RaftError INVALID_ARGUMENT
 */
export function checkedSignaling(signaling: string | undefined): string | null {
  if (signaling === undefined) return null;
  if (isSignalingAddress(signaling)) return signaling;
  throw new RaftError('INVALID_ARGUMENT', `signaling must be an address like ws://localhost:8787, not ${signaling}`);
}

/** @throws RaftError INVALID_ARGUMENT */
export function checkFounders(founders: number): void {
  if (Number.isSafeInteger(founders) && founders >= 1 && founders <= maxFounders) return;
  throw new RaftError('INVALID_ARGUMENT', `founders must be a whole number from 1 to ${maxFounders}, not ${founders}`);
}

/** @throws RaftError INVALID_ARGUMENT */
export function checkId(id: GroupId | undefined): void {
  if (id !== undefined && !isGroupId(id)) throw new RaftError('INVALID_ARGUMENT', `${String(id)} is no id of a group`);
}
