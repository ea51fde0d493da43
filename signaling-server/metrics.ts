/** What Prometheus can read off: counts and sizes, nothing of who or what. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { ClientMessage, ErrorCode } from './protocol.ts';

/** What is asked for when somebody reads the metrics. */
export interface Readings {
  readonly connections: number;
  readonly pending: number;
  readonly topics: number;
  readonly bufferedBytes: number;
  readonly isAvailable: boolean;
  readonly isDraining: boolean;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #opened: Counter;
  readonly #messages: Counter<'type'>;
  readonly #receivedBytes: Counter;
  readonly #relayedBytes: Counter;
  readonly #errors: Counter<'code'>;
  readonly #closed: Counter<'reason'>;

  constructor(read: () => Readings, withProcess: boolean) {
    const registers = [this.#registry];
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> =>
      new Counter({ name: `flotilla_broker_${name}`, help, labelNames, registers });
    this.#opened = counter('connections_opened_total', 'Connections that were taken');
    this.#closed = counter('connections_closed_total', 'Connections that ended, by the reason', ['reason']);
    this.#messages = counter('messages_total', 'Messages that were obeyed, by their type', ['type']);
    this.#receivedBytes = counter('received_bytes_total', 'Bytes of all messages that came');
    this.#relayedBytes = counter('relayed_bytes_total', 'Bytes that were passed on');
    this.#errors = counter('refusals_total', 'Messages and connections that were refused, by the code', ['code']);
    const gauge = (name: string, help: string, value: (readings: Readings) => number): void => {
      new Gauge({
        name: `flotilla_broker_${name}`,
        help,
        registers,
        collect() {
          this.set(value(read()));
        },
      });
    };
    gauge('connections', 'Connections that are open', ({ connections }) => connections);
    gauge('pending_sockets', 'Sockets that are not WebSockets yet, or are being turned away', ({ pending }) => pending);
    gauge('topics', 'Topics with a peer of this broker in them', ({ topics }) => topics);
    gauge('buffered_bytes', 'Bytes that wait for clients to read them', ({ bufferedBytes }) => bufferedBytes);
    gauge('available', 'Whether peers can join: 0 while Redis is out of reach', ({ isAvailable }) =>
      Number(isAvailable),
    );
    gauge('draining', 'Whether the broker is about to end', ({ isDraining }) => Number(isDraining));
    if (withProcess) collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  opened(): void {
    this.#opened.inc();
  }

  /** @param reason an error code, or what else ended it */
  closed(reason: string): void {
    this.#closed.inc({ reason });
  }

  received(bytes: number): void {
    this.#receivedBytes.inc(bytes);
  }

  obeyed(type: ClientMessage['type']): void {
    this.#messages.inc({ type });
  }

  relayed(bytes: number): void {
    this.#relayedBytes.inc(bytes);
  }

  refused(code: ErrorCode): void {
    this.#errors.inc({ code });
  }
}
