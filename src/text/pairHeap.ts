/** A binary heap of (count, key): the largest count comes first, of equal counts the smallest key. */
export class PairHeap {
  readonly #counts: number[] = [];
  readonly #keys: number[] = [];

  push(count: number, key: number): void {
    let hole = this.#counts.length;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#precedes(count, key, parent)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#counts[hole] = count;
    this.#keys[hole] = key;
  }

  pop(): { count: number; key: number } | undefined {
    const count = this.#counts[0];
    const key = this.#keys[0];
    if (count === undefined || key === undefined) return undefined;
    const lastCount = this.#counts.pop()!;
    const lastKey = this.#keys.pop()!;
    if (this.#counts.length > 0) this.#sink(lastCount, lastKey);
    return { count, key };
  }

  #sink(count: number, key: number): void {
    const size = this.#counts.length;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child + 1 < size && this.#precedes(this.#counts[child + 1]!, this.#keys[child + 1]!, child))
        child += 1;
      if (child >= size || this.#precedes(count, key, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#counts[hole] = count;
    this.#keys[hole] = key;
  }

  #precedes(count: number, key: number, other: number): boolean {
    const otherCount = this.#counts[other]!;
    return count > otherCount || (count === otherCount && key < this.#keys[other]!);
  }

  #move(from: number, to: number): void {
    this.#counts[to] = this.#counts[from]!;
    this.#keys[to] = this.#keys[from]!;
  }
}
