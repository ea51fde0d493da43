/** Plain data as text: equal for equal values, whatever the order in which their fields were set. */

/** @param value what JSON has, byte arrays, dates, `undefined`, and numbers that JSON does not know */
export function canonicalText(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === undefined) return 'undefined';
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `bytes(${[...value].join()})`;
  if (value instanceof Date) return `date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${canonicalText(field)}`);
  return `{${fields.sort().join()}}`;
}
