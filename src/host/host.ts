/**
 * One tab, or process: an identity, a database, links to other hosts, and the groups that it has members of. Here the
 * frames of all groups come in, and each goes to the group that it is for.
 */
import type { PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { type Access, deriveCredentials, isAccess } from '../identity/access.ts';
import { encodeInvite, type Invite } from '../identity/invite.ts';
import type { RoomKey } from '../identity/room.ts';
import { type GroupId, type HostId, hostOf } from '../ids.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { Database, GroupRecord } from '../storage/database.ts';
import type { RestoreAs } from '../storage/restoring.ts';
import type { Storage } from '../storage/storage.ts';
import { type Addressed, decodeFrame, UnknownKind, wireMinor } from '../transport/codec.ts';
import type { Connector, ConnectorFactory, Lane, PeerLink } from '../transport/transport.ts';
import { Closable } from './dispose.ts';
import { Enrolment, type OpeningOptions } from './enrolment.ts';
import { Group } from './group.ts';
import { HostedGroup, type HostedGroupListener } from './hosted-group.ts';
import { outboxLimits } from './outbox-option.ts';
import { definePresence } from './presence-definition.ts';
import type { RoomRequest } from './room.ts';
import { StorageWatch } from './storage-watch.ts';

/** What a host is made of; chosen by whoever makes it. */
export interface HostParts {
  readonly database: Database;
  readonly connector: ConnectorFactory;
  readonly clock: Clock;
  /** How much this host stores, where somebody can say. */
  readonly estimateStorage?: () => Promise<StorageUse | null>;
  /** Fills an array with random bytes, fit for secrets. */
  readonly fillRandom: (bytes: Uint8Array) => void;
  /** Called when the last open group was closed, and the last room was left. */
  readonly idle: () => void;
  /** Called when the host is closed. */
  readonly release: () => void;
}

/** Frames that make no sense, after which a link is closed. */
const maxBadFrames = 10;

interface OpenGroup {
  readonly hosted: HostedGroup<never, never, never>;
  readonly listener: HostedGroupListener;
  readonly leave: () => void;
}

export class Host extends Closable {
  readonly id: HostId;
  readonly #parts: HostParts;
  readonly #connector: Connector;
  readonly #storageWatch: StorageWatch;
  readonly #enrolment: Enrolment;
  readonly #groups = new Map<GroupId, OpenGroup>();
  readonly #opening = new Set<GroupId>();
  readonly #badFrames = new WeakMap<PeerLink, number>();
  #isClosed = false;

  constructor(parts: HostParts) {
    super();
    this.id = parts.database.host;
    this.#parts = parts;
    const { estimateStorage = () => Promise.resolve(null), clock } = parts;
    this.#storageWatch = new StorageWatch(estimateStorage, clock, () => {
      for (const { listener } of this.#groups.values()) listener.statusChanged();
    });
    this.#connector = parts.connector({
      received: (link, frame, lane) => {
        this.#received(link, frame, lane);
      },
    });
    this.#enrolment = new Enrolment({
      host: this.id,
      database: parts.database,
      connector: this.#connector,
      clock,
      fillRandom: parts.fillRandom,
      open: (machine, record, options) => this.open(machine, record, options),
      mayEnter: (group, member) => this.#groups.get(group)?.hosted.mayEnter(member) ?? null,
      roomLeft: () => {
        this.#idleIfUnused();
      },
    });
  }

  /** Groups that are open. */
  get openGroups(): number {
    return this.#groups.size;
  }

  /** The groups that this host has members of, open or not. */
  groups(): Promise<readonly GroupRecord[]> {
    return this.#parts.database.groups();
  }

  /**
   * Makes a new group, to be founded when as many members as `founders` says, this one included, are there.
   * @param signaling the address of the broker; null for a group of tabs of this browser
   * @throws RaftError NOT_SUPPORTED without a broker where tabs do not find each other, and what `open` throws
   */
  create<State, Command, Result, Value = unknown>(
    machine: MachineDefinition<State, Command, Result>,
    signaling: string | null,
    founders: number,
    options: OpeningOptions<Value> = {},
  ): Promise<Group<State, Command, Result, Value>> {
    return this.#enrolment.create(machine, signaling, founders, options);
  }

  /**
   * Opens the member that this host has of the group, or makes one that asks to join.
   * @throws RaftError NOT_SUPPORTED without a broker where tabs do not find each other, and what `open` throws
   */
  join<State, Command, Result, Value = unknown>(
    machine: MachineDefinition<State, Command, Result>,
    invite: Invite,
    options: OpeningOptions<Value> = {},
  ): Promise<Group<State, Command, Result, Value>> {
    return this.#enrolment.join(machine, invite, options);
  }

  /**
   * Opens the member that this host has of a room's group; or finds the group among those who are in the room; or begins it,
   * when nobody else does. Goes on telling others of it until the group is closed.
   * @throws RaftError ROOM_CONFLICT, ABORTED, GROUP_FULL, BANNED, REMOVED, INVALID_ARGUMENT when this host is in the room already, and what
   *   `create`, `join` and `open` throw
   */
  openRoom<State, Command, Result, Value = unknown>(
    machine: MachineDefinition<State, Command, Result>,
    key: RoomKey,
    request: RoomRequest,
    options: OpeningOptions<Value> = {},
  ): Promise<Group<State, Command, Result, Value>> {
    return this.#enrolment.openRoom(machine, key, request, options);
  }

  /**
   * Makes a new member, which begins with what a file of a store holds; it is not opened.
   * @throws RaftError INVALID_ARGUMENT, STORAGE_CORRUPT, STORAGE_FAILED, QUOTA_EXCEEDED; see `restoreStore`
   */
  restore(file: Blob, as: RestoreAs): Promise<GroupRecord> {
    return this.#enrolment.restore(file, as);
  }

  /**
   * Deletes the member that this host has of a group, and all that it has stored. The group does not hear of it: a voter is
   * to be removed from it before.
   * @throws RaftError INVALID_ARGUMENT when it is open, NO_SUCH_GROUP, STORAGE_FAILED
   */
  async forget(group: GroupId): Promise<void> {
    if (this.#groups.has(group) || this.#opening.has(group)) {
      throw new RaftError('INVALID_ARGUMENT', 'the group is open in this tab: close it first');
    }
    const records = await this.groups();
    if (!records.some((record) => record.group === group)) {
      throw new RaftError('NO_SUCH_GROUP', 'this tab has no such group');
    }
    await this.#parts.database.removeGroup(group);
  }

  /**
   * Brings a member to work.
   * @throws RaftError CLOSED, INVALID_ARGUMENT when it is open already, WRONG_MACHINE, STORAGE_CORRUPT, STORAGE_FAILED
   */
  async open<State, Command, Result, Value = unknown>(
    machine: MachineDefinition<State, Command, Result>,
    record: GroupRecord,
    options: OpeningOptions<Value> = {},
  ): Promise<Group<State, Command, Result, Value>> {
    if (machine.name !== record.machine) {
      throw new RaftError('WRONG_MACHINE', `the group replicates the machine ${record.machine}, not ${machine.name}`);
    }
    if (hostOf(record.member) !== this.id) {
      const message = `member ${record.member} belongs to a host that this database has no key of; join as a new member`;
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    // Whoever loads a store takes it from whoever had it: a member that is at work, or about to be, must not lose it.
    if (this.#groups.has(record.group) || this.#opening.has(record.group)) {
      throw new RaftError('INVALID_ARGUMENT', 'the group is open in this tab already: use the one that you have');
    }
    this.#opening.add(record.group);
    try {
      return await this.#openStored(machine, record, options);
    } finally {
      this.#opening.delete(record.group);
    }
  }

  async #openStored<State, Command, Result, Value = unknown>(
    machine: MachineDefinition<State, Command, Result>,
    record: GroupRecord,
    options: OpeningOptions<Value>,
  ): Promise<Group<State, Command, Result, Value>> {
    const credentials = await deriveCredentials(record.group, checked(record.access));
    const storage = this.#parts.database.storage(record.group);
    const persistent = await load(storage);
    if (this.#isClosed) throw new RaftError('CLOSED', 'this host is closed');
    const words = new Uint32Array(3);
    this.#parts.fillRandom(new Uint8Array(words.buffer));
    const [first = 0, second = 0, third = 0] = words;
    const { raft, presence = definePresence<Value>(), outbox } = options;
    const group = new Group<State, Command, Result, Value>({
      id: record.group,
      memberId: record.member,
      invite: encodeInvite(record),
      readOnlyInvite: encodeInvite({ ...record, access: credentials.readOnlyAccess }),
      clock: this.#parts.clock,
      presence,
      actions: {
        leave: () => {
          this.#leave(record.group);
        },
        forget: () => void this.#parts.database.removeGroup(record.group),
        diagnose: () => this.#connector.diagnose(record.group),
      },
    });
    const hosted = new HostedGroup<State, Command, Result>(
      {
        record,
        storage,
        machine,
        clock: this.#parts.clock,
        seed: [first, second, third],
        listener: group.listener,
        presence,
        outbox: outboxLimits(outbox),
        storageUse: () => this.#storageWatch.latest,
        ...(raft && { raft }),
      },
      persistent,
    );
    group.attach(hosted.face);
    await hosted.ready;
    this.#stopIfClosed(hosted);
    if (hosted.stopped !== null) throw hosted.stopped;
    const leave = this.#connector.join(
      {
        credentials,
        broker: record.signaling,
        member: record.member,
        mayEnter: (_host, member) => hosted.mayEnter(member),
      },
      {
        met: (link) => {
          hosted.met(link);
        },
        parted: (link) => {
          hosted.parted(link);
        },
        refused: (notice) => {
          hosted.refused(notice);
        },
        signalingChanged: (state) => {
          hosted.signalingChanged(state);
        },
      },
    );
    const { listener } = group;
    this.#groups.set(record.group, { hosted: hosted as unknown as OpenGroup['hosted'], listener, leave });
    hosted.opened();
    return group;
  }

  /** While a group was being opened, its host may have been closed. */
  #stopIfClosed(hosted: { stop(reason: RaftError): void }): void {
    if (this.#isClosed) hosted.stop(new RaftError('CLOSED', 'this host is closed'));
  }

  /** A group has stopped: others may have its place in the topic. */
  #leave(group: GroupId): void {
    const open = this.#groups.get(group);
    if (open === undefined) return;
    this.#groups.delete(group);
    open.leave();
    this.#idleIfUnused();
  }

  #idleIfUnused(): void {
    if (this.#groups.size === 0 && this.#enrolment.rooms === 0) this.#parts.idle();
  }

  #received(link: PeerLink, frame: Uint8Array, lane: Lane): void {
    let addressed: Addressed;
    try {
      addressed = decodeFrame(frame);
    } catch (error) {
      // A newer minor version may say what we do not know.
      if (!(error instanceof UnknownKind && link.minor > wireMinor)) this.#countBad(link);
      return;
    }
    const { group, message } = addressed;
    const open = this.#groups.get(group);
    if (open?.hosted.received(link, message, { bytes: frame.byteLength, lane }) === false) this.#countBad(link);
  }

  #countBad(link: PeerLink): void {
    const count = (this.#badFrames.get(link) ?? 0) + 1;
    this.#badFrames.set(link, count);
    if (count >= maxBadFrames) link.close({ reason: 'refused', detail: 'too many frames that make no sense' });
  }

  /** Closes all groups, links and the database. Members elsewhere go on. */
  close(reason: RaftError = new RaftError('CLOSED', 'this host is closed')): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const open = [...this.#groups.values()];
    this.#groups.clear();
    this.#enrolment.close(reason);
    for (const { hosted } of open) hosted.presence.close(reason);
    // Links first: those who followed a leader here need not wait to be told.
    this.#connector.close();
    for (const { hosted } of open) hosted.stop(reason);
    this.#storageWatch.close();
    void this.#parts.database.close();
    this.#parts.release();
  }
}

function checked(access: Access): Access {
  if (typeof access === 'string' && isAccess(access)) return access;
  throw new RaftError('STORAGE_CORRUPT', 'the record of the group has no secret: join again, with an invite');
}

function load(storage: Storage): Promise<PersistentState | null> {
  return new Promise((resolve, reject) => {
    storage.load((result) => {
      if (result instanceof RaftError) reject(result);
      else resolve(result);
    });
  });
}
