/** A part of something that changes, which changes less often. */
import type { ReadableStore, Source } from './source.ts';

/**
 * @param selector gives the part; depends on nothing but its argument
 * @param isEqual whether two parts are as good as the same: then the earlier one stays
 */
export function selected<Whole, Part>(
  source: Source<Whole>,
  selector: (whole: Whole) => Part,
  isEqual: (one: Part, other: Part) => boolean = Object.is,
): ReadableStore<Part> {
  let known: { readonly of: Whole; readonly part: Part } | null = null;
  const getSnapshot = (): Part => {
    const whole = source.value;
    if (known !== null && Object.is(known.of, whole)) return known.part;
    const part = selector(whole);
    known = { of: whole, part: known !== null && isEqual(known.part, part) ? known.part : part };
    return known.part;
  };
  return {
    getSnapshot,
    subscribe(listener) {
      let told = getSnapshot();
      const unsubscribe = source.on(() => {
        const part = getSnapshot();
        if (Object.is(part, told)) return;
        told = part;
        listener(part);
      });
      listener(told);
      return unsubscribe;
    },
  };
}
