/**
 * Which pages of a pool hold the keys and values of which tokens. A full page is known by its tokens and the page before
 * it, so sequences that begin alike share pages. A full page that no sequence uses is kept until its room is needed.
 */

/** A page of the pool. */
export interface Page {
  readonly index: number;
}

interface Entry extends Page {
  /** Number of sequences that use the page. */
  users: number;
  /** Identifies the content of a full page; a later content has another number. */
  serial: number;
  /** The key under which the page is found, once it is full. */
  key: string | undefined;
}

export class PagePool {
  readonly size: number;
  readonly #free: Entry[];
  readonly #byKey = new Map<string, Entry>();
  /** Full pages without users, least recently used first. */
  readonly #idle = new Set<Entry>();
  #serial = 0;

  constructor(size: number) {
    this.size = size;
    this.#free = Array.from({ length: size }, (_, i) => ({
      ...{ index: size - 1 - i, users: 0, serial: 0, key: undefined },
    }));
  }

  /** Pages that `take` can give. */
  get available(): number {
    return this.#free.length + this.#idle.size;
  }

  /** Returns an empty page for one user, or `undefined` if all pages are in use. */
  take(): Page | undefined {
    const page = this.#free.pop() ?? this.#evict();
    if (page) page.users = 1;
    return page;
  }

  /** Returns the full page with these tokens after `parent`, for one more user. */
  find(parent: Page | undefined, tokens: readonly number[]): Page | undefined {
    const page = this.#byKey.get(keyOf(parent, tokens));
    if (!page) return undefined;
    page.users += 1;
    this.#idle.delete(page);
    return page;
  }

  /**
   * Makes a full page known by its tokens. Nobody may write to it afterwards.
   * @returns the page to use from now on: another one if a sequence came first with these tokens; this one is then released
   */
  publish(page: Page, parent: Page | undefined, tokens: readonly number[]): Page {
    const known = this.find(parent, tokens);
    if (known) {
      this.release(page);
      return known;
    }
    const entry = page as Entry;
    entry.serial = ++this.#serial;
    entry.key = keyOf(parent, tokens);
    this.#byKey.set(entry.key, entry);
    return entry;
  }

  /** Ends one use of a page. */
  release(page: Page): void {
    const entry = page as Entry;
    entry.users -= 1;
    if (entry.users > 0) return;
    if (entry.key === undefined) this.#free.push(entry);
    else this.#idle.add(entry);
  }

  #evict(): Entry | undefined {
    const [oldest] = this.#idle;
    if (!oldest) return undefined;
    this.#idle.delete(oldest);
    if (oldest.key !== undefined) this.#byKey.delete(oldest.key);
    oldest.key = undefined;
    return oldest;
  }
}

function keyOf(parent: Page | undefined, tokens: readonly number[]): string {
  return `${parent ? (parent as Entry).serial : 0}:${tokens.join(',')}`;
}
