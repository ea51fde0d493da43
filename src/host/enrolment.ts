/**
 * The ways into a group: to make one, to be given an invite, to know the name of a room, and to restore what was exported.
 * Each ends in a record of the member that this host has, and all but the last in that member being opened.
 */
import type { RaftOptions } from '../core/options.ts';
import { toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { fullAccess, kindOf } from '../identity/access.ts';
import type { Invite } from '../identity/invite.ts';
import type { RoomKey } from '../identity/room.ts';
import { type GroupId, groupIdBytes, type HostId, incarnationBytes, memberId, type NodeId } from '../ids.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { Database, GroupChange, GroupRecord } from '../storage/database.ts';
import { type RestoreAs, restoreStore } from '../storage/restoring.ts';
import { StoreFile } from '../storage/store-file.ts';
import { Turns } from '../storage/turns.ts';
import type { Connector, Exclusion } from '../transport/transport.ts';
import type { Group } from './group.ts';
import type { OutboxOption } from './outbox-option.ts';
import type { PresenceDefinition } from './presence-definition.ts';
import { Room, type RoomRequest } from './room.ts';

/** What may be said of a member when it is opened. */
export interface OpeningOptions<Value> {
  readonly raft?: Partial<RaftOptions>;
  /** What members show of themselves; left out, it is plain data of any kind. */
  readonly presence?: PresenceDefinition<Value> | undefined;
  /** Whether what is proposed survives a reload of this tab; false if you do not say. */
  readonly outbox?: OutboxOption | undefined;
}

export interface EnrolmentInit {
  readonly host: HostId;
  readonly database: Database;
  readonly connector: Connector;
  readonly clock: Clock;
  /** Fills an array with random bytes, fit for secrets. */
  readonly fillRandom: (bytes: Uint8Array) => void;
  /** Brings a member to work. */
  readonly open: <State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    record: GroupRecord,
    options: OpeningOptions<Value>,
  ) => Promise<Group<State, Command, Result, Value>>;
  /** Who may enter a group that is open here. */
  readonly mayEnter: (group: GroupId, member: NodeId) => Exclusion | null;
  /** A room was left. */
  readonly roomLeft: () => void;
}

const secretBytes = 32;

/** A host is called so in every room: there it has no member. */
const visitor = toBase64Url(new Uint8Array(incarnationBytes));

export class Enrolment {
  readonly #init: EnrolmentInit;
  /** Those that this host is in, or waits in. */
  readonly #rooms = new Map<GroupId, Pick<Room<never, never, never, never>, 'end'>>();
  /** Members are made one after the other: two for one group would take it from each other. */
  readonly #making = new Turns();
  #closedFor: RaftError | null = null;

  constructor(init: EnrolmentInit) {
    this.#init = init;
  }

  /** Rooms that this host is in, or waits in. */
  get rooms(): number {
    return this.#rooms.size;
  }

  async create<State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    signaling: string | null,
    founders: number,
    options: OpeningOptions<Value>,
    room?: GroupId,
  ): Promise<Group<State, Command, Result, Value>> {
    const group = toBase64Url(this.#random(groupIdBytes)) as GroupId;
    const access = fullAccess(this.#random(secretBytes));
    return this.#add(machine, { group, signaling, access, founders, ...(room && { room }) }, options);
  }

  /** Opens the member that this host has of the group, or makes one that asks to join. */
  async join<State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    invite: Invite,
    options: OpeningOptions<Value>,
    room?: GroupId,
  ): Promise<Group<State, Command, Result, Value>> {
    const { group, signaling, access } = invite;
    const isFound = room && { room };
    const records = await this.#init.database.groups();
    const record = records.find((known) => known.group === group);
    if (record === undefined) {
      return this.#add(machine, { group, signaling, access, founders: null, ...isFound }, options);
    }
    // Whoever was given more than he had has it from now on; an invite to read only, or without a broker, takes nothing.
    const more = {
      signaling: signaling ?? record.signaling,
      access: kindOf(access) === 'full' ? access : record.access,
    };
    return this.#reopen(machine, record, { ...more, ...isFound }, options);
  }

  async openRoom<State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    key: RoomKey,
    request: RoomRequest,
    options: OpeningOptions<Value>,
  ): Promise<Group<State, Command, Result, Value>> {
    const { signaling, founders } = request;
    const { host, database, connector, clock, mayEnter, roomLeft } = this.#init;
    this.#checkReach(signaling);
    if (this.#closedFor !== null) throw this.#closedFor;
    if (this.#rooms.has(key.id)) throw new RaftError('INVALID_ARGUMENT', 'this tab is in that room already');
    const room = new Room<State, Command, Result, Value>({
      ...request,
      connector,
      clock,
      key,
      member: memberId(host, visitor),
      stored: async () => (await database.groups()).filter((record) => record.room === key.id),
      open: (record) => this.#reopen(machine, record, { signaling: signaling ?? record.signaling }, options),
      create: () => this.create(machine, signaling, founders, options, key.id),
      join: (invite) => this.join(machine, invite, options, key.id),
      forget: (group) => database.removeGroup(group),
      mayEnter,
      left: () => {
        this.#rooms.delete(key.id);
        roomLeft();
      },
    });
    this.#rooms.set(key.id, room);
    return room.enter();
  }

  /** Makes a new member, which begins with what a file of a store holds. */
  restore(file: Blob, as: RestoreAs): Promise<GroupRecord> {
    const { database } = this.#init;
    return this.#making.take(async () =>
      restoreStore(database, await StoreFile.open(file), as, (length) => this.#random(length)),
    );
  }

  #random(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#init.fillRandom(bytes);
    return bytes;
  }

  #checkReach(signaling: string | null): void {
    if (signaling !== null || this.#init.connector.meetsWithoutBroker) return;
    throw new RaftError(
      'NOT_SUPPORTED',
      'without a signaling server only tabs of one browser find each other, on a secure page, and unless `tabLinks` is ' +
        'false: say which signaling server to use',
    );
  }

  async #add<State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    group: Omit<GroupRecord, 'member' | 'machine'>,
    options: OpeningOptions<Value>,
  ): Promise<Group<State, Command, Result, Value>> {
    this.#checkReach(group.signaling);
    const member = memberId(this.#init.host, toBase64Url(this.#random(incarnationBytes)));
    const record: GroupRecord = { ...group, member, machine: machine.name };
    // Before anybody hears of the member: one that was told of and then forgotten could never be replaced.
    await this.#making.take(() => this.#init.database.addGroup(record));
    return this.#init.open(machine, record, options);
  }

  /** Opens a member, with what is different about its group from now on. */
  async #reopen<State, Command, Result, Value>(
    machine: MachineDefinition<State, Command, Result>,
    record: GroupRecord,
    change: GroupChange,
    options: OpeningOptions<Value>,
  ): Promise<Group<State, Command, Result, Value>> {
    const changed = { ...record, ...change };
    const { signaling, access, room } = changed;
    if (signaling !== record.signaling || access !== record.access || room !== record.room) {
      await this.#init.database.updateGroup(record.group, change);
    }
    return this.#init.open(machine, changed, options);
  }

  /** Leaves all rooms, and lets nobody into another. */
  close(reason: RaftError): void {
    this.#closedFor = reason;
    for (const room of [...this.#rooms.values()]) room.end(reason);
  }
}
