/** Encodes the sections of a text with limits, in slices of time, and with positions. */
import type { EncodedSection } from './pipeline/pipeline.ts';

export interface LimitedIds {
  /** At most `limit` ids. */
  readonly ids: number[];
  /** Whether `ids` covers the whole text. */
  readonly complete: boolean;
}

/** Yields all ids in batches; empty batches are opportunities to pause. */
export function* batchesOf(sections: Iterable<EncodedSection>): Generator<readonly number[]> {
  for (const { batches } of sections) yield* batches;
}

/** Returns the first `limit` ids, and stops soon after them. Yields where it can pause. */
export function* takeIds(
  batches: Iterable<readonly number[]>,
  limit: number,
): Generator<undefined, LimitedIds> {
  const ids: number[] = [];
  for (const batch of batches) {
    for (const id of batch) {
      if (ids.length >= limit) return { ids, complete: false };
      ids.push(id);
    }
    yield;
  }
  return { ids, complete: true };
}

/** Runs pausable work to its end without pausing. */
export function atOnce<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

const utf8 = new TextEncoder();

/**
 * Counts the tokens of a section that end at or before `offset`, by the bytes that they stand for.
 * @param bytesOf the bytes of a token
 * @returns undefined if the tokens' bytes are not those of the text, beside one space that was put before it
 */
export function tokensBefore(
  text: string,
  ids: readonly number[],
  offset: number,
  bytesOf: (id: number) => Uint8Array,
): number | undefined {
  const spelled = ids.map(bytesOf);
  const expected = utf8.encode(text);
  const added = spelled.reduce((sum, { length }) => sum + length, 0) - expected.length;
  if (added !== 0 && added !== 1) return undefined;
  let end = utf8.encode(text.slice(0, offset)).length + added;
  let at = -added;
  let count = 0;
  for (const bytes of spelled) {
    for (const byte of bytes) {
      if (byte !== (at < 0 ? SPACE : expected[at])) return undefined;
      at++;
    }
    end -= bytes.length;
    if (end >= 0) count++;
  }
  return count;
}

const SPACE = 0x20;

/** Length of the common prefix of two lists. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
