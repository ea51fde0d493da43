/**
 * Whether an instance is in touch with the others: it hears on its channel, which Redis passes on, what it says there
 * itself, at every beat. After a loss, and after it counted as dead for others, what was said may have passed it by: it
 * takes up where it stands anew before it counts as live.
 */
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** Beats in the life of an instance: two may be lost. */
const beatsPerTtl = 3;

export interface LifelineOptions {
  /** Milliseconds without hearing itself after which an instance is out of touch. */
  readonly ttlMs: number;
  /**
   * Prolongs the life of this instance for the others, and then says the beat on its channel.
   * Resolves with whether it had counted as alive until then.
   */
  readonly send: (beat: number) => Promise<boolean>;
  /** Tells what there is here, and hears what there is. */
  readonly sync: () => Promise<void>;
  /** At every beat while in touch. */
  readonly beaten: (beat: number) => void;
}

export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #state: 'ended' | 'lost' | 'syncing' | 'live' = 'ended';
  #beat = 0;
  /** The beat that shows that we hear everything again: the first that is sent after the loss. */
  #awaited = 1;
  #heardAt = 0;
  #stop: () => void = () => undefined;

  constructor(options: LifelineOptions, clock: Clock, log: Log) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  get isLive(): boolean {
    return this.#state === 'live' && this.#clock.now() - this.#heardAt < this.#options.ttlMs;
  }

  /** Once the channel is listened to, and this instance counts as alive. */
  start(): void {
    this.#state = 'live';
    this.#heardAt = this.#clock.now();
    this.#stop = this.#clock.every(this.#options.ttlMs / beatsPerTtl, () => this.beat());
  }

  end(): void {
    this.#state = 'ended';
    this.#stop();
  }

  beat(): void {
    if (this.#state === 'ended') return;
    const beat = ++this.#beat;
    this.#options.send(beat).then(
      (wasAlive) => {
        if (!wasAlive) this.#lose('this instance was not heard of for too long', beat);
      },
      (error: unknown) => this.lose(String(error)),
    );
    if (this.isLive) this.#options.beaten(beat);
  }

  /** A beat came back. */
  heard(beat: number): void {
    this.#heardAt = this.#clock.now();
    if (this.#state === 'lost' && beat >= this.#awaited) void this.#sync();
  }

  lose(why: string): void {
    this.#lose(why, this.#beat + 1);
  }

  #lose(why: string, awaited: number): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'live') this.#log.warn('lost touch with the other brokers', { why });
    this.#state = 'lost';
    this.#awaited = awaited;
  }

  async #sync(): Promise<void> {
    this.#state = 'syncing';
    try {
      await this.#options.sync();
    } catch (error) {
      this.lose(String(error));
      return;
    }
    // It may have been lost again meanwhile.
    if ((this.#state as string) !== 'syncing') return;
    this.#state = 'live';
    this.#log.info('in touch with the other brokers again');
  }
}
