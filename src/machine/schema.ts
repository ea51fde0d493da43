/**
 * Checks commands by a schema, of any library that speaks Standard Schema: Zod, Valibot, ArkType and others. A command in
 * the log is what the schema made of it, and passing it again must change nothing. Otherwise a default that is drawn at
 * random would be drawn anew on each member, and they would part.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { differenceOf } from './plain.ts';

/** A command is refused by its schema, in the words of the library that it is of. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

/** A schema whose output is a command. */
export type CommandSchema<Command> = StandardSchemaV1<unknown, Command>;

/**
 * What the schema makes of a value.
 * @param subject what the value is, for whoever reads why it is refused
 * @throws CommandRefused that says what is wrong with it, or with the schema
 */
export function parse<Command>(schema: CommandSchema<Command>, value: unknown, subject = 'the command'): Command {
  const outcome = schema['~standard'].validate(value);
  if ('then' in outcome) {
    // Nobody waits for it, so nobody but us can take what it may be rejected with.
    outcome.catch(() => undefined);
    throw new CommandRefused(`the schema is asynchronous, and ${subject} cannot wait for it`);
  }
  if (outcome.issues === undefined) return outcome.value;
  const [issue] = outcome.issues;
  const others = outcome.issues.length > 1 ? `, and ${outcome.issues.length - 1} more` : '';
  throw new CommandRefused(`${placeOf(subject, issue?.path)}: ${issue?.message ?? 'it is refused'}${others}`);
}

/**
 * Takes a value that the schema leaves as it is.
 * @throws CommandRefused for any other
 */
export function parseUnchanged<Command>(schema: CommandSchema<Command>, value: unknown): Command {
  const parsed = parse(schema, value);
  const difference = differenceOf(value, parsed);
  if (difference === null) return parsed;
  throw new CommandRefused(`the command${difference} is changed by its schema each time that it is checked`);
}

function placeOf(subject: string, path: StandardSchemaV1.Issue['path']): string {
  const keys = (path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  return [subject, ...keys.map(String)].join('.');
}

/** A schema made of a function that throws for what it refuses and leaves what it takes as it is. */
export function checkedBy<Command>(check: (value: unknown) => asserts value is Command): CommandSchema<Command> {
  const validate = (value: unknown): StandardSchemaV1.Result<Command> => {
    try {
      check(value);
      return { value };
    } catch (cause) {
      return { issues: [{ message: cause instanceof Error ? cause.message : String(cause) }] };
    }
  };
  return { '~standard': { version: 1, vendor: 'flotilla', validate } };
}
