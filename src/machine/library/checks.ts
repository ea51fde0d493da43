/** Checks the fields of commands, which may come from anybody. */

/** @throws Error for what has no fields */
export function fieldsOf(command: unknown): Readonly<Record<string, unknown>> {
  if (typeof command === 'object' && command !== null) return command as Record<string, unknown>;
  throw new Error('a command must be an object');
}

/** @throws Error for a field that is no whole number of that range */
export function checkWhole(fields: Readonly<Record<string, unknown>>, name: string, min: number, max: number): void {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new Error(`${name} must be a whole number from ${min} to ${max}`);
}

/** @throws Error for a field that is no text of up to so many characters */
export function checkText(fields: Readonly<Record<string, unknown>>, name: string, min: number, max: number): void {
  const value = fields[name];
  if (typeof value === 'string' && value.length >= min && value.length <= max) return;
  throw new Error(`${name} must be text of ${min} to ${max} characters`);
}

/** A day: the longest time that anything is lent for. */
export const maxTtlMs: number = 24 * 60 * 60 * 1000;
