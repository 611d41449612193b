/** JSON of large answers, written a part at a time. */

/** Values that are written at once, which takes about a tenth of a millisecond. */
const valuesAtOnce = 500;
/** A value that is made when it is written counts as this many. */
const valuesOfLater = 25;

/** A value that is made when it is written, so that a large answer is not made all at once. */
export function later(make: () => unknown): { toJSON(): unknown } {
  return { toJSON: make };
}

/**
 * The text that `JSON.stringify` gives for objects, lists and plain values. Yields where the work can pause.
 * @returns the text
 */
export function* jsonStepwise(value: unknown): Generator<undefined, string> {
  const texts: string[] = [];
  for (const text of partsOf(value)) {
    texts.push(text);
    yield;
  }
  return texts.join('');
}

function* partsOf(value: unknown): Generator<string> {
  if (countValues(value) < valuesAtOnce) yield JSON.stringify(value) ?? 'null';
  else if (Array.isArray(value)) yield* partsOfList(value);
  else yield* partsOfObject(value as object);
}

function* partsOfList(list: readonly unknown[]): Generator<string> {
  let start = 0;
  while (start < list.length) {
    let end = start + 1;
    let count = countValues(list[start]);
    for (; end < list.length; end++) {
      count += countValues(list[end]);
      if (count >= valuesAtOnce) break;
    }
    yield start === 0 ? '[' : ',';
    if (end === start + 1) yield* partsOf(list[start]);
    else yield JSON.stringify(list.slice(start, end)).slice(1, -1);
    start = end;
  }
  yield ']';
}

function* partsOfObject(object: object): Generator<string> {
  let separator = '{';
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    yield* partsOf(value);
    separator = ',';
  }
  yield '}';
}

/** Number of values in a value, counted up to `valuesAtOnce`. */
function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  if ('toJSON' in value) return valuesOfLater;
  let count = 1;
  for (const name in value) {
    count += countValues((value as Record<string, unknown>)[name]);
    if (count >= valuesAtOnce) return count;
  }
  return count;
}
