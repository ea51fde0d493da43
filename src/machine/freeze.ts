/**
 * Freezes plain data all the way down, so that a machine that changes its state in place fails at once and alike
 * everywhere. What is frozen already is not looked into again: the cost is that of what is new.
 */
export function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze<unknown>(part);
  return value;
}
