/** The broker as a process of its own, which ends with the test. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { afterEach } from 'vitest';

const running = new Set<Command>();

export class Command {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  output = '';
  #more: () => void = () => undefined;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, ['--import', 'tsx', 'signaling-server/cli.ts', ...args], {
      env: { ...process.env, ...environment },
    });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.output += data.toString();
        this.#more();
      });
    }
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  /** What its output matches, once it does: one who waits at a time. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const [found] = pattern.exec(this.output) ?? [];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#more = resolve));
    }
  }

  /** Where it listens, once it does. */
  get url(): Promise<string> {
    return this.until(/(?<=listens on )wss?:\/\/[\d.:]+/);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

afterEach(async () => {
  for (const command of running) {
    command.kill('SIGKILL');
    await command.ended;
  }
  running.clear();
});
