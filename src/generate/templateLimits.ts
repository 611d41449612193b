/** Limits on a chat template, which comes with a checkpoint and is untrusted. */
import type { RuntimeValue } from './python.ts';

/** Evaluated nodes; a chat of a thousand messages takes about 50,000. */
const MAX_STEPS = 1_000_000;
const MAX_TEXT = 2 ** 24;
const MAX_ITEMS = 2 ** 20;
/** Texts written by all blocks together, nested ones counted again. */
const MAX_WRITTEN = 2 ** 32;
export const MAX_RANGE = 100_000;

export class WorkLimit {
  #steps = 0;
  #written = 0;

  step(): void {
    if (++this.#steps > MAX_STEPS) throw new Error(`the template takes more than ${MAX_STEPS} steps`);
  }

  size(characters: number): void {
    this.#written += characters;
    if (characters > MAX_TEXT || this.#written > MAX_WRITTEN)
      throw new Error(`the template writes more than ${MAX_TEXT} characters`);
  }
}

export function checkSize({ value }: RuntimeValue): void {
  if (typeof value === 'string' && value.length > MAX_TEXT)
    throw new Error(`the template makes a text of more than ${MAX_TEXT} characters`);
  if (Array.isArray(value) && value.length > MAX_ITEMS)
    throw new Error(`the template makes a list of more than ${MAX_ITEMS} items`);
}

/** @throws if JSON would show a number such as 1.0 as 1 */
export function checkFloats({ type, value }: RuntimeValue): void {
  if (type === 'FloatValue' && Number.isInteger(value)) throw new Error(`tojson: cannot write ${value}.0`);
  const items = value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : [];
  for (const item of items) checkFloats(item as RuntimeValue);
}
