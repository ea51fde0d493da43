/** Flotilla in Node: a process is a member of a group like any tab. Needs the package @roamhq/wrtc beside this one. */
import { openUnlessAborted, throwIfAborted, unlessAborted } from '../host/abort.ts';
import { checkedSignaling, checkFounders, checkId, checkMachine } from '../host/arguments.ts';
import type { CallOptions } from '../host/calls.ts';
import type { Group } from '../host/group.ts';
import type { Host } from '../host/host.ts';
import { type OutboxOption, outboxLimits } from '../host/outbox-option.ts';
import type { PresenceDefinition } from '../host/presence-definition.ts';
import { randomBytes } from '../identity/crypto.ts';
import { decodeInvite } from '../identity/invite.ts';
import { deriveRoomKey } from '../identity/room.ts';
import type { GroupId } from '../ids.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { Database, GroupRecord } from '../storage/database.ts';
import { type RestoreAs, restoreStore } from '../storage/restoring.ts';
import { StoreFile } from '../storage/store-file.ts';
import { type NodeHostOptions, openNodeHost } from './node-host.ts';

export type { SnapshotReport, StoreReport } from '../storage/inspection.ts';
export { LevelDatabase, type LevelOptions } from '../storage/level.ts';
export type { RestoreAs };
export { type NodeHostListener, type NodeHostOptions, openNodeHost } from './node-host.ts';

export { type MetricsSource, prometheusContentType, prometheusText } from './prometheus.ts';

export interface NodeJoinOptions<State, Command, Result, Value = unknown> extends NodeHostOptions {
  /** What is replicated: the same on every member. */
  readonly machine: MachineDefinition<State, Command, Result>;
  /** What members show of themselves beside it; left out, it is plain data that nobody checks. */
  readonly presence?: PresenceDefinition<Value>;
  /** Whether what is proposed here survives the process, where there is a `database`; false if you do not say. */
  readonly outbox?: OutboxOption;
  /** The invite, or a URL that has it as its fragment. */
  readonly invite: string;
  /** Gives up on it: a group that is open by then is closed again. */
  readonly signal?: AbortSignal | undefined;
}

export interface NodeRoomOptions<State, Command, Result, Value = unknown> extends NodeHostOptions {
  /** What is replicated: the same on every member. */
  readonly machine: MachineDefinition<State, Command, Result>;
  /** What members show of themselves beside it; left out, it is plain data that nobody checks. */
  readonly presence?: PresenceDefinition<Value>;
  /** Whether what is proposed here survives the process, where there is a `database`; false if you do not say. */
  readonly outbox?: OutboxOption;
  /** What the room is called, 1 to 256 characters: whoever knows it is let in. */
  readonly name: string;
  /** Has to be known beside the name, if it is given; 1 to 256 characters. */
  readonly password?: string;
  /** The WebSocket address of the signaling server. */
  readonly signaling: string;
  /** How many members found the room's group, if it is still to be founded: 3 by default. */
  readonly founders?: number;
  /** Which group, if two were founded under the name. */
  readonly id?: GroupId;
  readonly signal?: AbortSignal;
}

/**
 * Opens the group of a room, as `openRoom` does in a tab, on a host of its own, which is closed with the group.
 * @throws RaftError INVALID_ARGUMENT, ROOM_CONFLICT, ABORTED, CLOSED, GROUP_FULL, BANNED, REMOVED, WRONG_MACHINE, NOT_SUPPORTED,
 *   STORAGE_IN_USE, STORAGE_FAILED, STORAGE_CORRUPT
 */
export async function openRoom<State, Command, Result, Value = unknown>(
  options: NodeRoomOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { name, password, machine, presence, outbox, founders = 3, id, signal } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  checkFounders(founders);
  checkId(id);
  const signaling = checkedSignaling(options.signaling);
  const request = { signaling, founders, wanted: id ?? null, ...(signal && { signal }) };
  const enter = async (): Promise<Group<State, Command, Result, Value>> => {
    const key = await deriveRoomKey(name, password);
    return onItsOwnHost(options, (host) => host.openRoom(machine, key, request, { presence, outbox }));
  };
  return openUnlessAborted(signal, enter, 'unknown');
}

/**
 * Joins a group by its invite, on a host of its own, which is closed with the group. For several groups on one host, open
 * it with `openNodeHost`.
 * @throws RaftError INVALID_INVITE, INVALID_ARGUMENT, WRONG_MACHINE, NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED,
 *   STORAGE_CORRUPT, ABORTED
 */
export async function joinGroup<State, Command, Result, Value = unknown>(
  options: NodeJoinOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { machine, presence, outbox, signal } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  const invite = decodeInvite(options.invite);
  const join = (): Promise<Group<State, Command, Result, Value>> =>
    onItsOwnHost(options, (host) => host.join(machine, invite, { presence, outbox }));
  return openUnlessAborted(signal, join, 'unknown');
}

/** Opens a host, which is closed when its last group is. */
async function onItsOwnHost<Value>(options: NodeHostOptions, act: (host: Host) => Promise<Value>): Promise<Value> {
  let close = (): void => undefined;
  const host: Host = await openNodeHost(options, {
    idle: () => {
      close();
    },
  });
  close = () => {
    host.close();
  };
  try {
    return await act(host);
  } catch (error) {
    host.close();
    throw error;
  }
}

/**
 * Restores a file of a store, from a browser or from `LevelDatabase.export`, in a database whose host is not at work. What
 * comes back is what the group had agreed on, and never the member that the file is of: see `importStore` of the browser.
 * @param file for example `await openAsBlob(path)`
 * @returns the record of the new member, for `Host.open`
 * @throws RaftError INVALID_ARGUMENT, STORAGE_CORRUPT, STORAGE_FAILED. Nothing is stored then. ABORTED: `unknown`, or not
 *   done when the signal was aborted before the call.
 */
export async function importStore(
  database: Database,
  file: Blob,
  as: RestoreAs,
  { signal }: Pick<CallOptions, 'signal'> = {},
): Promise<GroupRecord> {
  throwIfAborted(signal);
  const restore = async (): Promise<GroupRecord> => restoreStore(database, await StoreFile.open(file), as, randomBytes);
  return unlessAborted(signal, restore(), 'unknown');
}
