/** The tokens of a sequence and the pages that hold their keys and values. */
import { pageSize } from '../ops/pages.ts';
import type { Page, PagePool } from './pagePool.ts';

export class PagedSequence {
  readonly #pool: PagePool;
  readonly #tokens: number[] = [];
  readonly #pages: Page[] = [];
  #cached = 0;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  get tokens(): readonly number[] {
    return this.#tokens;
  }

  /** Its pages, in order. */
  get pages(): readonly Page[] {
    return this.#pages;
  }

  /** Number of leading tokens whose keys and values are in the pages. */
  get cached(): number {
    return this.#cached;
  }

  /** Replaces the tokens, and takes the full pages that the pool has of them. */
  restart(tokens: readonly number[]): void {
    this.drop();
    this.#tokens.length = 0;
    this.append(tokens);
    for (let at = 0; at + pageSize <= tokens.length; at += pageSize) {
      const page = this.#pool.find(this.#pages.at(-1), tokens.slice(at, at + pageSize));
      if (!page) break;
      this.#pages.push(page);
    }
    this.#cached = this.#pages.length * pageSize;
  }

  append(tokens: readonly number[]): void {
    for (const token of tokens) this.#tokens.push(token);
  }

  /** Takes the pages that its tokens need. Returns false if the pool has too few; those it got stay taken. */
  reserve(): boolean {
    while (this.#pages.length * pageSize < this.#tokens.length) {
      const page = this.#pool.take();
      if (!page) return false;
      this.#pages.push(page);
    }
    return true;
  }

  /** Notes that keys and values of the first `count` tokens are in the pages; shares the full ones with other sequences. */
  commit(count: number): void {
    const full = Math.floor(count / pageSize);
    for (let i = Math.floor(this.#cached / pageSize); i < full; i++) {
      const tokens = this.#tokens.slice(i * pageSize, (i + 1) * pageSize);
      this.#pages[i] = this.#pool.publish(this.#pages[i]!, this.#pages[i - 1], tokens);
    }
    this.#cached = count;
  }

  /** Returns to the first `count` tokens. A page that others may know as full is not written again. */
  rewind(count: number): void {
    this.#tokens.length = count;
    this.#releaseFrom(Math.floor(count / pageSize));
  }

  /** Gives its pages back; the tokens stay. */
  drop(): void {
    this.#releaseFrom(0);
  }

  /** The last page first, so that the pool evicts the end of a text before its beginning. */
  #releaseFrom(first: number): void {
    while (this.#pages.length > first) this.#pool.release(this.#pages.pop()!);
    this.#cached = Math.min(this.#cached, first * pageSize);
  }
}
