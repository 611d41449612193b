/** Waiting items, in one line per client. The client that holds the fewest goes first; clients with equal counts take turns. */
export class FairQueue<T> {
  /** In the order in which the clients were served last. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get clients(): Iterable<string> {
    return this.#lines.keys();
  }

  sizeOf(client: string): number {
    return this.#lines.get(client)?.length ?? 0;
  }

  /** @param first whether the item goes before the client's other items */
  add(client: string, item: T, first = false): void {
    const line = this.#lines.get(client) ?? [];
    this.#lines.set(client, line);
    if (first) line.unshift(item);
    else line.push(item);
    this.#size += 1;
  }

  delete(client: string, item: T): void {
    const line = this.#lines.get(client) ?? [];
    const index = line.indexOf(item);
    if (index < 0) return;
    line.splice(index, 1);
    this.#size -= 1;
    if (line.length === 0) this.#lines.delete(client);
  }

  /** The client whose item `next` would return. */
  nextClient(held: (client: string) => number): string | undefined {
    let found: string | undefined;
    for (const client of this.#lines.keys())
      if (found === undefined || held(client) < held(found)) found = client;
    return found;
  }

  /** Removes and returns the next item. */
  next(held: (client: string) => number): T | undefined {
    const client = this.nextClient(held);
    if (client === undefined) return undefined;
    const line = this.#lines.get(client)!;
    const item = line.shift()!;
    this.#size -= 1;
    this.#lines.delete(client);
    if (line.length > 0) this.#lines.set(client, line);
    return item;
  }
}
