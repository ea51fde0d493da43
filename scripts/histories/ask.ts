/** Asks a group for something, as an application does, and says which of its three endings the call had. */
import { RaftError } from '../../src/errors.ts';
import type { Group } from '../../src/host/group.ts';
import type { KeyValueOutput } from '../../src/simulation/key-value-model.ts';
import type { RegisterCommand, Registers } from '../../src/simulation/registers.ts';
import type { Answer, Failure, Patience } from './clients.ts';

export type RegisterGroup = Group<Registers, RegisterCommand, KeyValueOutput>;

type After = (milliseconds: number, action: () => void) => void;

/** How groups are asked by clients that tell the time in this way. */
export function ask(after: After) {
  const abortedAfter = (milliseconds: number | null): AbortSignal | undefined => {
    if (milliseconds === null) return undefined;
    const controller = new AbortController();
    after(milliseconds, () => {
      controller.abort();
    });
    return controller.signal;
  };
  return {
    async write(group: RegisterGroup, command: RegisterCommand, patience: Patience): Promise<Answer> {
      const { timeoutMs, abortMs, expiresInMs, waitsOn } = patience;
      const call = group.propose(command, { timeoutMs, expiresInMs, signal: abortedAfter(abortMs) });
      return outcome(call.catch((error: unknown) => laterOutcome(error, waitsOn)));
    },

    /** What came of a command that somebody else has proposed. */
    outcome: (output: Promise<KeyValueOutput>): Promise<Answer> => outcome(output),

    async read(group: RegisterGroup, key: string, { timeoutMs, abortMs }: Patience): Promise<Answer> {
      try {
        const signal = abortedAfter(abortMs);
        const { value } = await group.read(({ values }) => values[key] ?? null, { timeoutMs, signal });
        return { kind: 'done', output: value };
      } catch (error) {
        // Whatever it would have seen, nobody has.
        return { kind: 'not-done', code: answerOf(error).code };
      }
    },
  };
}

async function outcome(output: Promise<KeyValueOutput>): Promise<Answer> {
  try {
    return { kind: 'done', output: await output };
  } catch (error) {
    return answerOf(error);
  }
}

/** What became of a command whose call has ended without saying so, for whoever waits on. */
function laterOutcome(error: unknown, waitsOn: boolean): Promise<KeyValueOutput> {
  const settled = error instanceof RaftError && waitsOn ? error.settled : null;
  if (settled === null) throw error;
  return settled as Promise<KeyValueOutput>;
}

function answerOf(error: unknown): Failure {
  if (!(error instanceof RaftError)) throw error;
  return { kind: error.outcome, code: error.code };
}
