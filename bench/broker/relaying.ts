/** How soon a broker relays, and how much, turn by turn. */
import { HonestPairs, type LoadClient, pass } from './clients.ts';

/** Two members of a topic. */
export interface Couple {
  readonly topic: string;
  readonly one: LoadClient;
  readonly other: LoadClient;
}

const messageBytes = 1024;

/** What one says to the other, of all couples by turns, at an even pace. */
export class Relaying {
  readonly latencies: number[] = [];
  readonly #pairs = new HonestPairs(messageBytes);
  readonly #perSecond: number;

  constructor(couples: readonly Couple[], perSecond: number) {
    this.#perSecond = perSecond;
    for (const { topic, one, other } of couples) this.#pairs.add(one, other, topic);
  }

  get faults(): readonly string[] {
    return this.#pairs.faults;
  }

  async turn(ms: number): Promise<void> {
    this.#pairs.start(this.#perSecond);
    await pass(ms);
    await this.#pairs.stop();
    this.latencies.push(...this.#pairs.takeLatencies());
  }
}

/** Keeps so many messages under way while it is its turn, which couples send to and fro, and counts those that arrive. */
export class Throughput {
  arrived = 0;
  readonly faults: string[] = [];
  #ms = 0;
  #isOn = false;
  #underWay = 0;
  #whenQuiet: () => void = () => undefined;
  readonly #begin: (() => void)[] = [];

  constructor(couples: readonly Couple[], underWay: number) {
    const chosen = couples.slice(0, underWay);
    const each = Math.ceil(underWay / chosen.length);
    for (const couple of chosen) {
      const { one, other } = couple;
      one.received = this.#answer(couple, one, other);
      other.received = this.#answer(couple, other, one);
      this.#begin.push(() => {
        for (let i = 0; i < each; i++) this.#send(couple, one, other);
      });
    }
  }

  get rate(): number {
    return this.arrived / (this.#ms / 1000);
  }

  #send({ topic }: Couple, from: LoadClient, to: LoadClient): void {
    this.#underWay++;
    from.send({ type: 'relay', topic, to: to.name, data: padding });
  }

  #answer(couple: Couple, at: LoadClient, to: LoadClient): LoadClient['received'] {
    return (message) => {
      if (message.type === 'error') this.faults.push(`throughput: ${message.code}`);
      if (message.type !== 'relay') return;
      this.#underWay--;
      if (this.#isOn) {
        this.arrived++;
        this.#send(couple, at, to);
      } else if (this.#underWay === 0) {
        this.#whenQuiet();
      }
    };
  }

  async turn(ms: number): Promise<void> {
    const startedAt = performance.now();
    this.#isOn = true;
    for (const begin of this.#begin) begin();
    await pass(ms);
    this.#isOn = false;
    this.#ms += performance.now() - startedAt;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#whenQuiet = resolve));
  }
}

const padding = 'x'.repeat(messageBytes);
