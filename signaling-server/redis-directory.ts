/**
 * Topics that several brokers share through one Redis. Each instance has a channel; what it hears there, in order, is what
 * there is. Redis keeps who is where, under hashes of the topics, and forgets it; it passes on what is relayed between
 * instances and keeps none of it.
 *
 * An instance that is out of touch (redis-lifeline.ts) takes nobody into topics until it has told Redis whom it has, and has
 * taken over what Redis knows. What is relayed between peers of one instance does not depend on any of this.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import { type Directory, type DirectoryPeer, noSuchPeer, relayed, topicFull } from './directory.ts';
import type { Log } from './log.ts';
import { defaultRedisOptions, type RedisOptions } from './options.ts';
import { type FoundingWish, type PeerName, ProtocolError } from './protocol.ts';
import { RedisConnection } from './redis-connection.ts';
import { Lifeline } from './redis-lifeline.ts';
import { type ChannelMessage, type Heard, type HeardMember, listOf } from './redis-scripts.ts';
import { type Member, Roster } from './roster.ts';

/** Beats after which Redis is told again to keep our topics. */
const beatsPerRenewal = 10;

/** A peer of this instance that is meant to be in a topic. */
interface Local {
  readonly peer: DirectoryPeer;
  wish: FoundingWish | undefined;
  /** Joins that wait for their `joined`, by the number that comes back with the snapshot. */
  readonly unanswered: Set<string>;
}

/** @throws Error when Redis cannot be reached */
export async function openRedisDirectory(
  given: Partial<RedisOptions> & Pick<RedisOptions, 'url'>,
  maxPeersPerTopic: number,
  clock: Clock,
  log: Log,
): Promise<Directory> {
  const directory = new RedisDirectory({ ...defaultRedisOptions, ...given }, maxPeersPerTopic, clock, log);
  await directory.open();
  return directory;
}

class RedisDirectory implements Directory {
  /** What this instance is called. */
  readonly #self = randomUUID();
  readonly #maxPeersPerTopic: number;
  readonly #log: Log;
  readonly #redis: RedisConnection;
  readonly #lifeline: Lifeline;
  readonly #roster = new Roster();
  /** Who of ours is meant to be where, whether or not Redis knows already. Topics go by their hashes. */
  readonly #locals = new Map<string, Map<PeerName, Local>>();
  /** What is behind the hashes of topics with locals, and of those in which Redis may know somebody of ours. */
  readonly #topics = new Map<string, string>();
  /** Topics of which we do not know what Redis made of our last command. */
  readonly #doubtful = new Set<string>();
  #joins = 0;

  constructor(options: RedisOptions, maxPeersPerTopic: number, clock: Clock, log: Log) {
    this.#maxPeersPerTopic = maxPeersPerTopic;
    this.#log = log;
    this.#redis = new RedisConnection(options, this.#self, {
      connected: () => this.#lifeline.beat(),
      lost: (why) => this.#lifeline.lose(why),
    });
    this.#lifeline = new Lifeline(
      {
        ttlMs: options.ttlMs,
        send: (beat) => this.#sendBeat(beat),
        sync: () => this.#sync(),
        beaten: (beat) => this.#lookAround(beat),
      },
      clock,
      log,
    );
  }

  get topics(): number {
    return this.#locals.size;
  }

  get isAvailable(): boolean {
    return this.#lifeline.isLive;
  }

  async open(): Promise<void> {
    await this.#redis.open((text) => this.#hear(text));
    this.#lifeline.start();
    this.#log.info('sharing topics', { instance: this.#self });
  }

  enter(peer: DirectoryPeer, name: string, wish: FoundingWish | undefined): void {
    if (!this.isAvailable) {
      peer.refused(name, unavailable());
      return;
    }
    const topic = this.#redis.hashOf(name);
    this.#topics.set(topic, name);
    const locals = this.#locals.get(topic) ?? new Map<PeerName, Local>();
    this.#locals.set(topic, locals);
    const local: Local = locals.get(peer.name) ?? { peer, wish, unanswered: new Set() };
    locals.set(peer.name, local);
    local.wish = wish ?? local.wish;
    const join = String(++this.#joins);
    local.unanswered.add(join);
    const refuse = (error: ProtocolError): void => {
      // Unless the peer has left meanwhile.
      if (this.#locals.get(topic)?.get(peer.name) !== local) return;
      this.#forget(topic, peer.name);
      this.#forgetTopic(topic);
      peer.refused(name, error);
    };
    this.#redis.enter(topic, this.#maxPeersPerTopic, join, peer.name, wish ?? '').then(
      (isIn) => {
        if (!isIn) refuse(topicFull(this.#maxPeersPerTopic));
      },
      (error: unknown) => {
        this.#doubt(topic, error);
        refuse(unavailable());
      },
    );
  }

  exit(peer: DirectoryPeer, name: string): void {
    const topic = this.#redis.hashOf(name);
    this.#forget(topic, peer.name);
    this.#exit(topic, peer.name);
  }

  found(name: string): void {
    const topic = this.#redis.hashOf(name);
    // Said again when we come back to Redis, in case that it does not get there now.
    for (const local of this.#locals.get(topic)?.values() ?? []) local.wish = 'done';
    this.#command(topic, this.#redis.found(topic));
  }

  relay(from: DirectoryPeer, name: string, to: PeerName, data: string): void {
    const topic = this.#redis.hashOf(name);
    const at = this.#roster.get(name)?.members.get(to)?.at;
    if (at === undefined || at === this.#self) throw noSuchPeer();
    if (typeof at !== 'string') {
      // Redis may not know yet that it has left.
      if (this.#locals.get(topic)?.has(to) !== true) throw noSuchPeer();
      at.deliver(name, relayed(name, from.name, data));
      return;
    }
    if (!this.isAvailable) throw unavailable();
    this.#redis.say(at, { kind: 'relay', topic, from: from.name, to, data }).then(
      (isHeard) => {
        if (!isHeard) from.undelivered(noSuchPeer());
      },
      () => from.undelivered(unavailable()),
    );
  }

  close(): Promise<void> {
    this.#lifeline.end();
    return this.#redis.close();
  }

  #hear(text: string): void {
    let message: ChannelMessage;
    try {
      message = JSON.parse(text) as ChannelMessage;
    } catch {
      this.#log.warn('something else speaks on the channels of the brokers');
      return;
    }
    if (message.kind === 'beat') {
      this.#lifeline.heard(message.beat);
      return;
    }
    const name = this.#topics.get(message.topic);
    if (message.kind !== 'relay') this.#disown(message);
    if (name === undefined) return;
    if (message.kind === 'relay') {
      const receiver = this.#locals.get(message.topic)?.get(message.to)?.peer;
      receiver?.deliver(name, relayed(name, message.from, message.data));
      return;
    }
    this.#believe(message, name);
    this.#forgetTopic(message.topic);
  }

  #believe(heard: Heard, name: string): void {
    if (heard.kind === 'change') {
      this.#roster.exit(name, listOf(heard.exited));
      for (const entered of listOf(heard.entered)) this.#roster.enter(name, this.#member(heard.topic, entered), false);
      if (heard.founded) this.#roster.found(name);
      return;
    }
    const members = listOf(heard.members).map((member) => this.#member(heard.topic, member));
    const locals = [...(this.#locals.get(heard.topic)?.values() ?? [])];
    const truth = { members: new Map(members.map((member) => [member.name, member])), isFounded: heard.founded };
    const answered = locals.filter(({ peer, unanswered }) => {
      if (!truth.members.has(peer.name) || unanswered.size === 0) return false;
      if (heard.answer !== '') return unanswered.delete(heard.answer);
      unanswered.clear();
      return true;
    });
    this.#roster.replace(name, truth, heard.answer === '' ? null : (answered[0]?.peer.name ?? null));
    for (const { peer } of answered) this.#roster.answer(name, peer);
  }

  /** Whoever is taken for ours and is not any more leaves: its exit is on its way, or was lost, or it was believed again. */
  #disown(heard: Heard): void {
    const locals = this.#locals.get(heard.topic);
    const members: readonly HeardMember[] = listOf(heard.kind === 'change' ? heard.entered : heard.members);
    for (const [peer, at] of members) {
      if (at === this.#self && locals?.has(peer) !== true) this.#exit(heard.topic, peer);
    }
  }

  #member(topic: string, [name, at, asked]: HeardMember): Member {
    const local = at === this.#self ? this.#locals.get(topic)?.get(name) : undefined;
    return { name, at: local?.peer ?? at, asked };
  }

  async #sendBeat(beat: number): Promise<boolean> {
    const staying = this.#redis.stayAlive();
    await Promise.all([staying, this.#redis.say(this.#self, { kind: 'beat', beat } satisfies ChannelMessage)]);
    return staying;
  }

  /** Tells Redis whom we have; it answers on our channel with what there is. */
  async #sync(): Promise<void> {
    const topics = new Set([...this.#locals.keys(), ...this.#doubtful]);
    this.#doubtful.clear();
    try {
      await Promise.all([...topics].map((topic) => this.#syncTopic(topic)));
    } catch (error) {
      for (const topic of topics) this.#doubtful.add(topic);
      throw error;
    }
  }

  #syncTopic(topic: string): Promise<void> {
    const believed = this.#roster.get(this.#topics.get(topic) ?? '');
    const wishOf = ({ wish }: Local): string => (believed?.isFounded === true ? 'done' : (wish ?? ''));
    const ours = [...(this.#locals.get(topic)?.values() ?? [])].map(
      (local) => [local.peer.name, wishOf(local)] as const,
    );
    const members = [...(believed?.members.values() ?? [])].map(
      ({ name, at, asked }) => [name, typeof at === 'string' ? at : this.#self, asked] as const,
    );
    return this.#redis.sync(topic, ours, members);
  }

  /** Lets go of the peers of instances that are dead, and keeps Redis from forgetting our topics. */
  #lookAround(beat: number): void {
    const topicsAt = new Map<string, Set<string>>();
    for (const [topic, name] of this.#topics) {
      for (const { at } of this.#roster.get(name)?.members.values() ?? []) {
        if (typeof at !== 'string' || at === this.#self) continue;
        const topics = topicsAt.get(at) ?? new Set();
        topicsAt.set(at, topics.add(topic));
      }
      if (beat % beatsPerRenewal !== 0) continue;
      this.#command(topic, this.#redis.keep(topic));
    }
    for (const [at, topics] of topicsAt) this.#lookAfter(at, topics);
  }

  #lookAfter(instance: string, topics: ReadonlySet<string>): void {
    this.#redis.isAlive(instance).then(
      (isAlive) => {
        if (isAlive) return;
        this.#log.warn('another broker is gone', { instance, topics: topics.size });
        for (const topic of topics) this.#command(topic, this.#redis.reap(topic, instance));
      },
      (error: unknown) => this.#lifeline.lose(String(error)),
    );
  }

  #exit(topic: string, peer: PeerName): void {
    this.#command(topic, this.#redis.exit(topic, peer));
  }

  #command(topic: string, command: Promise<unknown>): void {
    command.catch((error: unknown) => this.#doubt(topic, error));
  }

  /** A command failed, and may have been carried out all the same. */
  #doubt(topic: string, error: unknown): void {
    this.#doubtful.add(topic);
    this.#lifeline.lose(String(error));
  }

  #forget(topic: string, peer: PeerName): void {
    const locals = this.#locals.get(topic);
    locals?.delete(peer);
    if (locals?.size === 0) this.#locals.delete(topic);
  }

  #forgetTopic(topic: string): void {
    const name = this.#topics.get(topic);
    if (name === undefined || this.#locals.has(topic) || this.#roster.get(name) !== undefined) return;
    if (!this.#doubtful.has(topic)) this.#topics.delete(topic);
  }
}

function unavailable(): ProtocolError {
  return new ProtocolError('unavailable', 'this broker cannot reach the others just now; try again');
}
