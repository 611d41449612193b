/**
 * Learns the merges of byte-pair encoding from counted words.
 *
 * Each step merges the most frequent pair of neighbouring symbols into a new symbol. Recounting all pairs each time
 * would take hours. Instead a merge touches only the words that contain its pair, and a heap, whose stale entries are
 * corrected when they are popped, yields the next pair.
 */
import { characterOfByte } from './byteAlphabet.ts';
import { PairHeap } from './pairHeap.ts';

/** Two neighbouring symbols; symbols 0…255 are the bytes, the others the results of merges. */
export type Merge = readonly [left: number, right: number];

export interface LearnedMerges {
  /** symbol → its text in the byte alphabet; the first 256 are the bytes */
  symbols: string[];
  merges: Merge[];
}

export interface LearnOptions {
  /** Final number of symbols, including the 256 bytes. */
  symbols: number;
  /** Min count of a pair to be merged; there may be fewer symbols than requested. */
  minFrequency: number;
  onProgress?: (symbols: number) => void;
  signal?: AbortSignal;
}

export async function learnMerges(
  words: ReadonlyMap<string, number>,
  options: LearnOptions,
): Promise<LearnedMerges> {
  const learner = new Learner(words);
  let lastPause = performance.now();
  while (learner.symbols.length < options.symbols && learner.mergeBest(options.minFrequency)) {
    if (performance.now() - lastPause < 50) continue;
    options.onProgress?.(learner.symbols.length);
    await new Promise((resolve) => setTimeout(resolve)); // lets a signal or a screen in
    options.signal?.throwIfAborted();
    lastPause = performance.now();
  }
  options.onProgress?.(learner.symbols.length);
  return { symbols: learner.symbols, merges: learner.merges };
}

interface Pair {
  count: number;
  /** words that contain the pair, or did before later merges */
  words: number[];
}

/** A pair as one exact number; also its order among pairs of equal count. */
const keyOf = (left: number, right: number) => left * 2 ** 26 + right;

class Learner {
  readonly symbols: string[] = [...characterOfByte];
  readonly merges: Merge[] = [];
  readonly #symbolOf = new Map(characterOfByte.map((character, byte) => [character, byte]));
  readonly #words: Int32Array[] = [];
  readonly #frequencies: number[] = [];
  readonly #pairs = new Map<number, Pair>();
  readonly #heap = new PairHeap();

  constructor(words: ReadonlyMap<string, number>) {
    const utf8 = new TextEncoder();
    for (const [word, frequency] of words) {
      const bytes = Int32Array.from(utf8.encode(word));
      const index = this.#words.push(bytes) - 1;
      this.#frequencies.push(frequency);
      for (let i = 1; i < bytes.length; i++) this.#change(bytes[i - 1]!, bytes[i]!, frequency, index);
    }
    for (const [key, pair] of this.#pairs) this.#heap.push(pair.count, key);
  }

  /** Merges the most frequent pair, the smallest of equals; false if none occurs `minFrequency` times. */
  mergeBest(minFrequency: number): boolean {
    for (;;) {
      const top = this.#heap.pop();
      if (top === undefined || top.count < minFrequency) return false;
      const pair = this.#pairs.get(top.key);
      if (pair === undefined || pair.count <= 0) continue;
      if (pair.count !== top.count) {
        this.#heap.push(pair.count, top.key); // merges of its neighbours changed it meanwhile
        continue;
      }
      this.#merge(Math.floor(top.key / 2 ** 26), top.key % 2 ** 26, pair);
      return true;
    }
  }

  #merge(left: number, right: number, pair: Pair): void {
    const text = this.symbols[left]! + this.symbols[right]!;
    // Two merges may spell the same text ("a" "bc" and "ab" "c"), which is one symbol.
    const merged = this.#symbolOf.get(text) ?? this.symbols.push(text) - 1;
    this.#symbolOf.set(text, merged);
    this.merges.push([left, right]);
    const grown = new Set<number>();
    for (const index of pair.words) this.#mergeInWord(index, left, right, merged, grown);
    this.#pairs.delete(keyOf(left, right));
    for (const key of grown) {
      const count = this.#pairs.get(key)?.count ?? 0;
      if (count > 0) this.#heap.push(count, key);
    }
  }

  /** Replaces the pair in one word, from left to right, and corrects the counts of the pairs around it. */
  #mergeInWord(index: number, left: number, right: number, merged: number, grown: Set<number>): void {
    const word = this.#words[index]!;
    const frequency = this.#frequencies[index]!;
    let length = 0;
    for (let i = 0; i < word.length; i++) {
      if (word[i] !== left || word[i + 1] !== right) {
        word[length++] = word[i]!;
        continue;
      }
      if (length > 0) {
        this.#change(word[length - 1]!, left, -frequency, index);
        grown.add(this.#change(word[length - 1]!, merged, frequency, index));
      }
      if (i + 2 < word.length) {
        this.#change(right, word[i + 2]!, -frequency, index);
        grown.add(this.#change(merged, word[i + 2]!, frequency, index));
      }
      word[length++] = merged;
      i++;
    }
    if (length < word.length) this.#words[index] = word.subarray(0, length);
  }

  #change(left: number, right: number, by: number, word: number): number {
    const key = keyOf(left, right);
    const pair = this.#pairs.get(key);
    if (pair === undefined) this.#pairs.set(key, { count: by, words: [word] });
    else {
      pair.count += by;
      if (by > 0 && pair.words.at(-1) !== word) pair.words.push(word);
    }
    return key;
  }
}
