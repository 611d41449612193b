/**
 * A cache of at most 2 × `generation` entries. Entries used since the last change of generations stay. A hit costs one
 * `Map.get` and no list maintenance, so it is faster than an exact LRU cache.
 */
export class BoundedCache<V> {
  readonly #generation: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(generation: number) {
    this.#generation = generation;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const kept = this.#old.get(key);
    if (kept !== undefined) this.set(key, kept);
    return kept;
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#generation) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(flatCopy(key), value);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

/**
 * Copies a string to storage of its own. V8 makes a substring of 13 characters or more a view of the text
 * it was cut from: a cached word would keep its whole document in memory.
 */
export function flatCopy(text: string): string {
  return text.length < 13 ? text : text.split('').join('');
}
