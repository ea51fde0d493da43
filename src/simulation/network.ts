/**
 * The links between the processes of a simulation. A connection carries messages while it is open; what was on its way
 * when it ends is lost, and both sides are told, sooner or later. Each direction may lose, delay, duplicate, reorder or
 * replay, be cut without a word, or take nothing more; and none takes more than a real one would.
 */
import type { Random } from '../core/random.ts';
import type { NodeId } from '../core/types.ts';
import { Reassembler } from '../transport/framing.ts';
import { highWaterBytes } from '../transport/link.ts';
import type { MemberMessage } from '../transport/messages.ts';
import type { Lane } from '../transport/transport.ts';
import { Carrier } from './carrier.ts';
import { between, happens } from './chances.ts';
import type { EventQueue } from './event-queue.ts';
import type { Connection, Path, PathFaults, Station } from './path.ts';

export interface NetworkOptions {
  /** Messages travel as bytes in fragments, as on a real channel. */
  readonly asBytes: boolean;
  /** Bytes on their way over the bulk lane of a path, beyond which it takes nothing: then the sender is told. */
  readonly highWaterBytes: number;
  readonly faults: Omit<PathFaults, 'isCut' | 'isFull'>;
}

/** How long it takes to find a way to somebody. */
const connectMs = { min: 20, max: 400 };
/** A link that carries nothing is given up after so long (WebRTC's own time-out). */
const silenceMs = { min: 5_000, max: 15_000 };

export class Network {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #options: NetworkOptions;
  readonly #highWater: Readonly<Record<Lane, number>>;
  readonly #stations: Station[] = [];
  /** By where they begin, and then by where they end. */
  readonly #paths: Map<string, Map<string, Path>> = new Map();
  readonly #carrier: Carrier;
  /** Messages that were sent. */
  sent = 0;

  constructor(queue: EventQueue, random: Random, options: NetworkOptions) {
    this.#queue = queue;
    this.#random = random;
    this.#options = options;
    this.#carrier = new Carrier({
      queue,
      random,
      asBytes: options.asBytes,
      broken: ({ from, to }) => {
        this.reopen(from.name, to.name);
      },
    });
    this.#highWater = { ...highWaterBytes, bulk: options.highWaterBytes };
  }

  /** Messages that have arrived. */
  get delivered(): number {
    return this.#carrier.delivered;
  }

  /** Those that have arrived after more than `lateMs`, be it again. */
  get late(): number {
    return this.#carrier.late;
  }

  /** A new place, which looks for all others. */
  add(station: Station): void {
    for (const other of this.#stations) {
      const connection: Connection = { stations: [station, other], isOpen: false };
      this.#addPath(station, other, connection);
      this.#addPath(other, station, connection);
    }
    this.#stations.push(station);
    this.reconnect(station);
  }

  #addPath(from: Station, to: Station, connection: Connection): void {
    const faults = { ...this.#options.faults, isCut: false, isFull: false };
    const lastArrival = { control: 0, bulk: 0 };
    const load = { control: 0, bulk: 0 };
    const path: Path = { from, to, connection, faults, lastArrival, load, reassembler: new Reassembler() };
    const others = this.#paths.get(from.name) ?? new Map<string, Path>();
    this.#paths.set(from.name, others.set(to.name, path));
  }

  path(from: string, to: string): PathFaults {
    return this.#pathOf(from, to).faults;
  }

  #find(from: string, to: string): Path | undefined {
    return this.#paths.get(from)?.get(to);
  }

  #pathOf(from: string, to: string): Path {
    const path = this.#find(from, to);
    if (path === undefined) throw new Error(`there is no path from ${from} to ${to}`);
    return path;
  }

  get paths(): readonly PathFaults[] {
    return this.#all.map(({ faults }) => faults);
  }

  get #all(): readonly Path[] {
    return [...this.#paths.values()].flatMap((paths) => [...paths.values()]);
  }

  /** Looks for all others, for a station that has just come up, or that can be reached again. */
  reconnect(station: Station): void {
    for (const other of this.#stations) if (other !== station) this.#connectLater(station, other);
  }

  #connectLater(one: Station, other: Station): void {
    this.#queue.after(between(this.#random, connectMs), () => {
      const { connection } = this.#pathOf(one.name, other.name);
      if (connection.isOpen || !one.isRunning || !other.isRunning) return;
      if (this.path(one.name, other.name).isCut || this.path(other.name, one.name).isCut) return;
      connection.isOpen = true;
      for (const path of [this.#pathOf(one.name, other.name), this.#pathOf(other.name, one.name)]) {
        path.reassembler = new Reassembler();
        path.load = { control: 0, bulk: 0 };
      }
      one.connected(other);
      other.connected(one);
    });
  }

  /** What is still on its way holds up nothing that comes after it. */
  unclog(): void {
    for (const path of this.#all) {
      Object.assign(path.lastArrival, { control: 0, bulk: 0 });
      path.load = { control: 0, bulk: 0 };
    }
  }

  /** Everything that stands between them is gone: stations without a connection find each other again. */
  healed(): void {
    for (const station of this.#stations) this.reconnect(station);
  }

  /**
   * A station has gone: what was on its way is lost.
   * @param isAnnounced the others hear of it at once, as when a page closes its links; else after the time-out
   */
  left(station: Station, isAnnounced: boolean): void {
    for (const other of this.#stations) {
      if (other === station) continue;
      const { connection } = this.#pathOf(station.name, other.name);
      if (!connection.isOpen) continue;
      connection.isOpen = false;
      this.#queue.after(
        isAnnounced ? between(this.#random, { min: 5, max: 150 }) : between(this.#random, silenceMs),
        () => {
          if (!connection.isOpen) other.disconnected(station);
        },
      );
    }
  }

  /** Ends a connection in the middle of whatever it carries, and makes a new one. */
  reopen(one: string, other: string): void {
    const path = this.#pathOf(one, other);
    if (!path.connection.isOpen) return;
    path.connection.isOpen = false;
    path.from.disconnected(path.to);
    path.to.disconnected(path.from);
    this.#connectLater(path.from, path.to);
  }

  /** All paths from and to a station are cut, silently; gives them. */
  isolate(name: string): readonly PathFaults[] {
    const paths: PathFaults[] = [];
    for (const other of this.#stations) {
      if (other.name === name) continue;
      this.cut(name, other.name);
      this.cut(other.name, name);
      paths.push(this.path(name, other.name), this.path(other.name, name));
    }
    return paths;
  }

  /** A path is cut, silently. If it stays so, both sides find out. */
  cut(from: string, to: string): void {
    const path = this.#pathOf(from, to);
    path.faults.isCut = true;
    this.#queue.after(between(this.#random, silenceMs), () => {
      if (!path.faults.isCut || !this.path(to, from).isCut || !path.connection.isOpen) return;
      path.connection.isOpen = false;
      path.from.disconnected(path.to);
      path.to.disconnected(path.from);
    });
  }

  /** False when the message was certainly not sent. */
  send(from: string, to: string, message: MemberMessage, lane: Lane): boolean {
    const path = this.#find(from, to);
    if (path === undefined || path.faults.isFull) return false;
    // Whose other end has gone, and who does not know it yet, sends into the void.
    if (!path.connection.isOpen && path.to.isRunning) return false;
    if (path.load[lane] >= this.#highWater[lane]) return false;
    this.sent++;
    const { faults } = path;
    if (!path.connection.isOpen || faults.isCut || happens(this.#random, faults.loss)) return true;
    this.#carrier.carry(path, lane, message);
    return true;
  }

  /** Whether there is a connection, however well it works. */
  isConnected(one: string, other: string): boolean {
    return this.#find(one, other)?.connection.isOpen === true;
  }
}

/** Names a member for people and traces. */
export function nodeId(name: string): NodeId {
  return name as NodeId;
}
