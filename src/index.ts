/**
 * Flotilla: one replicated state shared by browser tabs. A group is created by one tab, joined by others through its
 * invite, and opened again by whoever has a member of it already.
 */
import { RaftError } from './errors.ts';
import { openUnlessAborted, throwIfAborted, unlessAborted } from './host/abort.ts';
import { checkedSignaling, checkFounders, checkId, checkMachine } from './host/arguments.ts';
import type { BrowserHostOptions } from './host/browser-host.ts';
import type { Group } from './host/group.ts';
import type { Host } from './host/host.ts';
import { type OutboxOption, outboxLimits } from './host/outbox-option.ts';
import { decodeInvite } from './identity/invite.ts';
import { deriveRoomKey } from './identity/room.ts';
import type { RoomWaiting } from './host/room.ts';
import { useHost } from './host/tab.ts';
import type { PresenceDefinition } from './host/presence-definition.ts';
import { type RestoreAs, restoreKinds } from './storage/restoring.ts';
import type { GroupId } from './ids.ts';
import type { GroupRecord } from './storage/database.ts';
import type { MachineDefinition } from './machine/machine.ts';

export type { MemberKind } from './core/configuration.ts';
export type { RoleName } from './core/trace.ts';
export type { NodeId } from './core/types.ts';
export { type Outcome, RaftError, type RaftErrorCode } from './errors.ts';
export type { HistogramReading } from './group/histogram.ts';
export type { MemberMetrics } from './group/member-meter.ts';
export type { LogEntry, MemberStatus } from './group/member-status.ts';
export type { PeerStatus } from './group/peers.ts';
export type { CallOptions } from './host/calls.ts';
export type { CommandsOptions } from './host/commands.ts';
export type { Group, GroupEvents, SelectOptions } from './host/group.ts';
export type { ReadableStore } from './host/source.ts';
export type { GroupStatus } from './host/status.ts';
export type { FrameCounts, GroupMetrics, LaneCounts, TrafficMetrics } from './host/traffic.ts';
export type { OutboxOption } from './host/outbox-option.ts';
export type { CommandOptions, PendingCommand, Proposed } from './host/proposing.ts';
export type { ReadOptions, ReadResult } from './host/reading.ts';
export type { ChangeOptions, MemberEntry, Members, RemoveOptions } from './host/members.ts';
export type { LinkPath, LinkStatistics } from './transport/link.ts';
export type { Presence, PresenceEvents, PresenceSnapshot, Present, Unfit } from './host/presence.ts';
export { definePresence, type PresenceDefinition, type PresenceOptions } from './host/presence-definition.ts';
export { hasInvite } from './identity/invite.ts';
export type { RoomWaiting } from './host/room.ts';
export type { RefusalReason } from './identity/refusals.ts';
export type { GroupId, HostId } from './ids.ts';
export { type ByteMachine, type ByteMachineOptions, defineByteMachine } from './machine/byte-machine.ts';
export { type ApplyContext, type MachineDefinition, validateCommand } from './machine/machine.ts';
export { type Applied, defineMachine, type MachineOptions, type ReducerMachine } from './machine/reducer.ts';
export type { CommittedCommand } from './machine/replicated.ts';
export {
  exportStore,
  inspectStorage,
  inspectStoreFile,
  persistStorage,
  type StoredReport,
} from './host/inspect-tab.ts';
export type { SnapshotReport, StoreReport } from './storage/inspection.ts';
export type { Persistence, StorageUse } from './storage/browser-quota.ts';
export type { Durability } from './storage/storage.ts';
export type { MemberReport } from './transport/messages.ts';
export type { GroupDiagnosis, PeerDiagnosis, RefusalNotice, SignalingState } from './transport/transport.ts';

export type { RestoreAs };

/** Options of the tab: those of the first group that is opened count until all groups are closed. */
export type TabOptions = Partial<BrowserHostOptions>;

export interface OpenOptions<State, Command, Result, Value = unknown> extends TabOptions {
  /** What is replicated: the same on every member. */
  readonly machine: MachineDefinition<State, Command, Result>;
  /** What members show of themselves beside it; left out, it is plain data that nobody checks. */
  readonly presence?: PresenceDefinition<Value>;
  /**
   * Whether what is proposed here is stored until its outcome is known, so that it survives a reload: it is sent then, in order,
   * and takes effect once. False if you do not say. `true` is for 10,000 commands and 16 MiB at the most.
   */
  readonly outbox?: OutboxOption;
  /** Gives up on it: a group that is open by then is closed again. */
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions<State, Command, Result, Value = unknown> extends OpenOptions<
  State,
  Command,
  Result,
  Value
> {
  /**
   * The WebSocket address of the signaling server, for example `ws://localhost:8787`. Left out, the group is for the tabs of
   * this browser alone, which need no server.
   */
  readonly signaling?: string;
  /** How many members found the group, this one included: 1 to 9, 3 by default. All of them have to come once. */
  readonly founders?: number;
}

export interface JoinOptions<State, Command, Result, Value = unknown> extends OpenOptions<
  State,
  Command,
  Result,
  Value
> {
  /** The invite, or a URL that has it as its fragment, for example `location.href`. */
  readonly invite: string;
}

export interface RoomOptions<State, Command, Result, Value = unknown> extends OpenOptions<
  State,
  Command,
  Result,
  Value
> {
  /** What the room is called, 1 to 256 characters: whoever knows it is let in, so take one that nobody guesses. */
  readonly name: string;
  /** Has to be known beside the name, if it is given; 1 to 256 characters. */
  readonly password?: string;
  /**
   * The WebSocket address of the signaling server, for example `ws://localhost:8787`. Left out, the room is for the tabs of
   * this browser alone, which need no server.
   */
  readonly signaling?: string;
  /** How many members found the room's group, if it is still to be founded: 1 to 9, 3 by default. */
  readonly founders?: number;
  /** Which group, if two were founded under the name. */
  readonly id?: GroupId;
  /** Called whenever something changes while the room's group is still to be found, or founded. */
  readonly waiting?: (state: RoomWaiting) => void;
}

export interface ReopenOptions<State, Command, Result, Value = unknown> extends OpenOptions<
  State,
  Command,
  Result,
  Value
> {
  /** Which group, if this tab has several. */
  readonly id?: GroupId;
}

export interface TabCallOptions extends TabOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A group that this tab has a member of. */
export interface StoredGroup {
  readonly id: GroupId;
  readonly machine: string;
}

/** Public STUN servers, which tell a host its address as others see it. */
const defaultIceServers: readonly RTCIceServer[] = [{ urls: 'stun:stun.l.google.com:19302' }];

function tabOptions({
  storage = 'indexeddb',
  durability = 'strict',
  iceServers = defaultIceServers,
  iceTransportPolicy = 'all',
  tabLinks = true,
  webrtc = 'simple-peer',
}: TabOptions): BrowserHostOptions {
  return { storage, durability, iceServers, iceTransportPolicy, tabLinks, webrtc };
}

/**
 * Creates a group with a new id. It is founded when `founders` members are there, which vote; give them its `invite`. Whoever
 * comes later becomes a learner. Commands can be proposed at once, and wait for the founding.
 * @throws RaftError INVALID_ARGUMENT, NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED, STORAGE_CORRUPT, ABORTED: `unknown` when
 *   the group may be stored in this tab all the same
 */
export async function createGroup<State, Command, Result, Value = unknown>(
  options: CreateOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { machine, founders = 3, presence, outbox } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  const signaling = checkedSignaling(options.signaling);
  checkFounders(founders);
  const create = (): Promise<Group<State, Command, Result, Value>> =>
    useHost(tabOptions(options), (host) => host.create(machine, signaling, founders, { presence, outbox }));
  return openUnlessAborted(options.signal, create, 'unknown');
}

/**
 * Joins a group by its invite; a tab that has a member of it already opens that one. Who comes before the founding is one
 * of the founding members while there is room; who comes later becomes a learner. The group's `stopped` event says
 * GROUP_FULL when it takes no more learners, REMOVED when this tab's member was removed, and BANNED when this tab was banned.
 * @throws RaftError INVALID_INVITE, INVALID_ARGUMENT, WRONG_MACHINE, NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED,
 *   STORAGE_CORRUPT, ABORTED: `unknown` when the group may be stored in this tab all the same
 */
export async function joinGroup<State, Command, Result, Value = unknown>(
  options: JoinOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { machine, presence, outbox } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  const invite = decodeInvite(options.invite);
  const join = (): Promise<Group<State, Command, Result, Value>> =>
    useHost(tabOptions(options), (host) => host.join(machine, invite, { presence, outbox }));
  return openUnlessAborted(options.signal, join, 'unknown');
}

/**
 * Opens the group of a room, which is known by a name in place of an invite. A tab that has a member of it opens that one,
 * offline too; others find the group through those who are in the room, or found it, when `founders` of them are there.
 * Resolves when this tab's member is at work, and waits for as long as that takes, unless `signal` ends it.
 *
 * Two groups that were founded under one name, by tabs that did not see each other then, are not merged. Who is in one of
 * them gets a `conflict` event, and who is in none is told ROOM_CONFLICT, with the ids of both as `cause`.
 * @throws RaftError INVALID_ARGUMENT, ROOM_CONFLICT, ABORTED, CLOSED, GROUP_FULL, BANNED, REMOVED, WRONG_MACHINE, NOT_SUPPORTED,
 *   STORAGE_IN_USE, STORAGE_FAILED, STORAGE_CORRUPT
 */
export async function openRoom<State, Command, Result, Value = unknown>(
  options: RoomOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { machine, presence, outbox, name, password, founders = 3, id, waiting, signal } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  checkFounders(founders);
  checkId(id);
  const signaling = checkedSignaling(options.signaling);
  const request = { signaling, founders, wanted: id ?? null, ...(waiting && { waiting }), ...(signal && { signal }) };
  const enter = async (): Promise<Group<State, Command, Result, Value>> => {
    const key = await deriveRoomKey(name, password);
    return useHost(tabOptions(options), (host) => host.openRoom(machine, key, request, { presence, outbox }));
  };
  return openUnlessAborted(signal, enter, 'unknown');
}

/**
 * Opens a group that this tab has a member of, from its storage: no invite, no signaling server and no other member is
 * needed to see the state as this member last knew it.
 * @throws RaftError NO_SUCH_GROUP, INVALID_ARGUMENT, WRONG_MACHINE, NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED,
 *   STORAGE_CORRUPT, ABORTED
 */
export async function openGroup<State, Command, Result, Value = unknown>(
  options: ReopenOptions<State, Command, Result, Value>,
): Promise<Group<State, Command, Result, Value>> {
  const { machine, id, presence, outbox } = options;
  checkMachine(machine);
  outboxLimits(outbox);
  checkId(id);
  const open = (): Promise<Group<State, Command, Result, Value>> =>
    useHost(tabOptions(options), async (host) =>
      host.open(machine, await storedGroup(host, machine, id), { presence, outbox }),
    );
  return openUnlessAborted(options.signal, open, 'not-done');
}

/** @throws RaftError NO_SUCH_GROUP, INVALID_ARGUMENT */
async function storedGroup(host: Host, { name }: { readonly name: string }, id?: GroupId): Promise<GroupRecord> {
  const records = await host.groups();
  const found = records.filter((record) => (id === undefined ? record.machine === name : record.group === id));
  const [record, another] = found;
  if (record === undefined) {
    throw new RaftError('NO_SUCH_GROUP', 'this tab has no such group: create one, or join one by its invite');
  }
  if (another !== undefined) {
    const ids = found.map(({ group }) => group).join(', ');
    throw new RaftError('INVALID_ARGUMENT', `this tab has ${found.length} such groups: say which id, of ${ids}`);
  }
  return record;
}

export interface ImportOptions extends TabCallOptions {
  /**
   * `member`: a new member of the same group, which shows what the file holds, and takes part once the others have let it in.
   * `group`: the only member of a new group with a new invite, which begins with what the file holds.
   */
  readonly as: RestoreAs;
}

/**
 * Restores a file of `exportStore` in this tab: everything that the group had agreed on, as far as the exported member knew.
 * The member itself is never brought back. It may have voted since, and may be at work elsewhere; two of it could make the
 * group lose what it agreed on. Open the group with `openGroup` then. Take files from nobody whose invite you would not take.
 * @throws RaftError INVALID_ARGUMENT for what is no such file, for a damaged one, and when this tab has a member of the group
 *   already; STORAGE_CORRUPT when the store in the file is damaged; NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED,
 *   QUOTA_EXCEEDED. Nothing is stored then. ABORTED: `unknown`.
 */
export async function importStore(file: Blob, options: ImportOptions): Promise<StoredGroup> {
  const { as } = options;
  if (!(file instanceof Blob)) throw new RaftError('INVALID_ARGUMENT', 'the file must be a Blob, or a File');
  if (!restoreKinds.includes(as)) {
    throw new RaftError('INVALID_ARGUMENT', `as must be one of ${restoreKinds.join(', ')}, not ${as as string}`);
  }
  throwIfAborted(options.signal);
  const restored = useHost(tabOptions(options), async (host) => {
    const { group, machine } = await host.restore(file, as);
    return { id: group, machine };
  });
  return unlessAborted(options.signal, restored, 'unknown');
}

/** The groups that this tab has a member of. */
export async function listGroups({ signal, ...options }: TabCallOptions = {}): Promise<readonly StoredGroup[]> {
  throwIfAborted(signal);
  const list = useHost(tabOptions(options), async (host) => {
    const records = await host.groups();
    return records.map(({ group, machine }) => ({ id: group, machine }));
  });
  return unlessAborted(signal, list);
}

/**
 * Deletes the member that this tab has of a group, with all that it has stored, so that the tab can join again as another
 * one. The group does not hear of it: have a voter removed before, or the group goes on missing it.
 * @throws RaftError NO_SUCH_GROUP, INVALID_ARGUMENT when the group is open, NOT_SUPPORTED, STORAGE_IN_USE, STORAGE_FAILED,
 *   ABORTED: `unknown`
 */
export async function forgetGroup(id: GroupId, options: TabCallOptions = {}): Promise<void> {
  throwIfAborted(options.signal);
  await unlessAborted(
    options.signal,
    useHost(tabOptions(options), (host) => host.forget(id)),
    'unknown',
  );
}
