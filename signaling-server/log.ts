/**
 * What the broker writes down: who came, went and was refused, never what was said. A topic appears as a short hash under a
 * key of this run, so that lines of one topic can be told to belong together and nobody can guess its name from it. What
 * clients can cause without end is written at most so many times a second, with the number of lines left out.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';

const linesPerSecond = 20;

type Fields = Readonly<Record<string, unknown>>;

export class Log {
  readonly #logger: Logger | null;
  readonly #clock: Clock;
  readonly #key = randomBytes(16);
  readonly #windows = new Map<string, { startedAt: number; lines: number; suppressed: number }>();

  constructor(logger: Logger | null, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  info(event: string, fields: Fields = {}): void {
    this.#logger?.info(fields, event);
  }

  warn(event: string, fields: Fields = {}): void {
    this.#logger?.warn(fields, event);
  }

  /** For what a client can cause as often as it likes. */
  often(event: string, fields: Fields): void {
    if (this.#logger?.isLevelEnabled('info') !== true) return;
    const now = this.#clock.now();
    const window = this.#windows.get(event) ?? { startedAt: now, lines: 0, suppressed: 0 };
    this.#windows.set(event, window);
    if (now - window.startedAt >= 1000) {
      window.startedAt = now;
      window.lines = 0;
    }
    if (window.lines >= linesPerSecond) {
      window.suppressed++;
      return;
    }
    window.lines++;
    const { suppressed } = window;
    window.suppressed = 0;
    this.#logger.info(suppressed > 0 ? { ...fields, suppressed } : fields, event);
  }

  /** For whoever looks for the cause of something: the topic is hashed. */
  debug(event: string, fields: Fields, topic: string): void {
    if (this.#logger?.isLevelEnabled('debug') !== true) return;
    const hash = createHmac('sha256', this.#key).update(topic).digest('base64url').slice(0, 12);
    this.#logger.debug({ ...fields, topic: hash }, event);
  }
}
