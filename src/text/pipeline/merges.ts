/** The merges of a BPE model, between ids. */
import { InputError } from '../../errors.ts';
import { describe, MAX_VOCABULARY, type ModelJson } from '../tokenizerJson.ts';
import type { Vocabulary } from './wordModel.ts';

export interface Merge {
  readonly rank: number;
  readonly id: number;
}

export class Merges {
  /** pair → its rank and the id it becomes; a pair of ids is one exact number */
  readonly #merges = new Map<number, Merge>();
  /** Whether a token that stands for a byte is part of a merge. */
  readonly mergesBytes: boolean;

  /** @throws {InputError} if a merge is not a pair of tokens that join to a token */
  constructor(model: ModelJson, vocabulary: Vocabulary, where: string) {
    const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '';
    let mergesBytes = false;
    (model.merges ?? []).forEach((merge, rank) => {
      const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ') : merge;
      const idOf = (text: string): number => {
        const id = vocabulary.get(text);
        if (id !== undefined) return id;
        throw new InputError(
          `${where}.merges[${rank}]: found ${describe(merge)}, expected parts and a whole of model.vocab, ` +
            `which has no ${describe(text)}`,
        );
      };
      const pair = idOf(left) * MAX_VOCABULARY + idOf(right);
      // A pair that is listed twice counts by its last rank.
      this.#merges.set(pair, { rank, id: idOf(left + right.slice(prefix.length)) });
      mergesBytes ||= byteToken.test(left) || byteToken.test(right);
    });
    this.mergesBytes = mergesBytes;
  }

  get(left: number, right: number): Merge | undefined {
    return this.#merges.get(left * MAX_VOCABULARY + right);
  }

  /** Merges neighbours, lowest rank first, then leftmost. For short words: the time grows with the square of the length. */
  apply(ids: number[]): number[] {
    for (;;) {
      let best: Merge | undefined;
      let at = 0;
      for (let i = 1; i < ids.length; i++) {
        const merge = this.get(ids[i - 1]!, ids[i]!);
        if (merge === undefined || (best !== undefined && merge.rank >= best.rank)) continue;
        best = merge;
        at = i - 1;
      }
      if (best === undefined) return ids;
      ids.splice(at, 2, best.id);
    }
  }

  /** Like `apply` for any length: n log n. Yields pauses, then batches of ids. */
  *applyLong(ids: readonly number[]): Generator<readonly number[]> {
    const chain = new Chain(ids);
    const queue = new KeyHeap();
    const consider = (at: number) => {
      const next = at < 0 ? -1 : chain.next[at]!;
      const merge = next < 0 ? undefined : this.get(chain.ids[at]!, chain.ids[next]!);
      if (merge !== undefined) queue.push(merge.rank * MAX_LENGTH + at);
    };
    for (let at = 0; at + 1 < ids.length; at++) consider(at);
    for (let key = queue.pop(), steps = 1; key !== undefined; key = queue.pop(), steps++) {
      if (steps % STEPS_PER_PAUSE === 0) yield [];
      const at = key % MAX_LENGTH;
      const next = chain.next[at]!;
      const merge = next < 0 ? undefined : this.get(chain.ids[at]!, chain.ids[next]!);
      // The neighbours may have merged otherwise in the meantime.
      if (merge === undefined || merge.rank !== Math.floor(key / MAX_LENGTH)) continue;
      chain.join(at, merge.id);
      consider(chain.previous[at]!);
      consider(at);
    }
    yield* chain.batches();
  }
}

const byteToken = /^<0x[0-9A-Fa-f]{2}>$/;
const STEPS_PER_PAUSE = 8192;
/** Symbols of a word: rank × this + position is one exact number. */
const MAX_LENGTH = 2 ** 30;
const BATCH = 8192;

/** Symbols in a linked list. */
class Chain {
  readonly ids: Int32Array;
  /** −1 after the last symbol, GONE for a symbol that has joined the one before it */
  readonly next: Int32Array;
  readonly previous: Int32Array;

  constructor(ids: readonly number[]) {
    this.ids = Int32Array.from(ids);
    this.next = Int32Array.from(ids, (_, at) => (at + 1 < ids.length ? at + 1 : -1));
    this.previous = Int32Array.from(ids, (_, at) => at - 1);
  }

  /** Joins the symbol at `at` and the next to one. */
  join(at: number, id: number): void {
    const gone = this.next[at]!;
    const after = this.next[gone]!;
    this.ids[at] = id;
    this.next[at] = after;
    if (after >= 0) this.previous[after] = at;
    this.next[gone] = GONE;
  }

  *batches(): Generator<readonly number[]> {
    let batch: number[] = [];
    for (let at = 0; at >= 0 && at < this.ids.length; at = this.next[at]!) {
      batch.push(this.ids[at]!);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  }
}

const GONE = -2;

/** A binary heap of numbers, the smallest first. */
class KeyHeap {
  readonly #keys: number[] = [];

  push(key: number): void {
    const keys = this.#keys;
    let hole = keys.length;
    while (hole > 0 && keys[(hole - 1) >> 1]! > key) {
      keys[hole] = keys[(hole - 1) >> 1]!;
      hole = (hole - 1) >> 1;
    }
    keys[hole] = key;
  }

  pop(): number | undefined {
    const keys = this.#keys;
    const smallest = keys[0];
    const last = keys.pop();
    if (last === undefined || keys.length === 0) return smallest;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child + 1 < keys.length && keys[child + 1]! < keys[child]!) child++;
      if (child >= keys.length || keys[child]! >= last) break;
      keys[hole] = keys[child]!;
      hole = child;
    }
    keys[hole] = last;
    return smallest;
  }
}
