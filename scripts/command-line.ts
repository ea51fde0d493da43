/**
 * The command line of the commands in `scripts` and `bench`: each says what options it takes, and gets their values. Whatever
 * makes no sense, an option that there is not or a value out of range, ends the command with status 2 before it does anything.
 */
import { parseArgs } from 'node:util';

/** Something on the command line that makes no sense, in a sentence. */
export class UsageError extends Error {}

/** How an option is read. */
export interface Option<Value> {
  /** A flag takes no text. */
  readonly isFlag: boolean;
  /**
   * @param given the text, or that the flag is there; undefined when the option was left out
   * @throws UsageError that says what the option takes
   */
  readonly read: (given: string | boolean | undefined) => Value;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

export type Values<Given extends Options> = {
  readonly [Name in keyof Given]: ReturnType<Given[Name]['read']>;
};

/** An option that is there or not. */
export const flag: Option<boolean> = { isFlag: true, read: (given) => given === true };

/** @param fallback the value of an option that was left out */
function valued<Value, Fallback>(
  fallback: Fallback,
  read: (text: string) => Value | undefined,
  takes: string,
): Option<Value | Fallback> {
  return {
    isFlag: false,
    read: (given) => {
      if (typeof given !== 'string') return fallback;
      const value = read(given);
      if (value === undefined) throw new UsageError(`takes ${takes}, not "${given}"`);
      return value;
    },
  };
}

/** A whole number from `least` to `most`, both included. */
export function wholeNumber<Fallback extends number | null>(
  fallback: Fallback,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): Option<number | Fallback> {
  const takes =
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`;
  const read = (text: string): number | undefined => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  };
  return valued(fallback, read, takes);
}

/** Any text but none. */
export function text<Fallback extends string | null>(fallback: Fallback): Option<string | Fallback> {
  return valued(fallback, (given) => (given === '' ? undefined : given), 'a text');
}

/** One of these words; null when left out. */
export function oneOf<Word extends string>(words: readonly Word[]): Option<Word | null> {
  return valued(null, (given) => words.find((word) => word === given), `one of ${words.join(', ')}`);
}

/** The largest seed that a command takes. */
export const maxSeed: number = 2 ** 32 - 1;

/** Small enough to be copied by hand. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** What random runs begin with: drawn when it is left out, so print it. */
export function seed(): Option<number> {
  return wholeNumber(drawSeed(), 0, maxSeed);
}

/**
 * Reads options; every one may be left out.
 * @throws UsageError
 */
export function readOptions<Given extends Options>(options: Given, args: readonly string[]): Values<Given> {
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { isFlag }]) => [name, { type: isFlag ? 'boolean' : 'string' } as const]),
  );
  let given: Readonly<Record<string, unknown>>;
  try {
    given = parseArgs({ args: [...args], options: types }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const values = Object.entries(options).map(([name, { read }]) => {
    try {
      return [name, read(given[name] as string | boolean | undefined)] as const;
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`--${name} ${error.message}`) : error;
    }
  });
  return Object.fromEntries(values) as Values<Given>;
}

/** Ends the command because of something on its command line. */
export function usageError(message: string): never {
  console.error(`${message}\n--help says what there is`);
  process.exit(2);
}

/**
 * Reads the options of this process, and deals with `--help`.
 * @param help what it prints: how the command is called, what it does, and every option
 */
export function commandLine<Given extends Options>(help: string, options: Given): Values<Given> {
  try {
    const { help: isAsked, ...values } = readOptions({ ...options, help: flag }, process.argv.slice(2));
    if (!isAsked) return values as unknown as Values<Given>;
  } catch (error) {
    if (error instanceof UsageError) usageError(error.message);
    throw error;
  }
  console.log(help);
  process.exit(0);
}
