/**
 * States of texts that were read lately, so that a text that begins like one of them is read from there on. Bounded
 * in bytes: what was not used for longest goes, to the disk if there is room for it there, else away.
 */
import { LRUCache } from 'lru-cache';
import type { SequenceState } from '../run/sequenceReader.ts';
import { type Place, PrefixTree } from './prefixTree.ts';
import type { StateFiles } from './stateFiles.ts';

/** A state in memory, or the name of the file that has it. */
type Kept = { readonly state: SequenceState } | { readonly file: string };

export interface CacheHit {
  /** Tokens that the state has read. */
  readonly length: number;
  readonly state: SequenceState | undefined;
  /** Tokens up to which some text in the cache is the same: where a state is worth keeping for the next one. */
  readonly shared: number;
}

export class StateCache {
  readonly #tree = new PrefixTree<Kept>();
  readonly #memory: LRUCache<
    Place<Kept>,
    { readonly tokens: readonly number[]; readonly state: SequenceState }
  >;
  readonly #files: StateFiles | undefined;
  readonly #places = new Map<string, Place<Kept>>();
  hits = 0;
  misses = 0;

  /** @param bytes of states and their tokens in memory; 0 keeps none */
  constructor(bytes: number, files?: StateFiles) {
    this.#files = files;
    this.#memory = new LRUCache({
      maxSize: Math.max(bytes, 1),
      maxEntrySize: Math.max(bytes, 1),
      sizeCalculation: ({ tokens, state }) => Math.max(1, state.byteLength + 8 * tokens.length),
      dispose: ({ tokens, state }, place, reason) => {
        if (reason === 'evict') this.#toDisk(place, tokens, state);
      },
    });
    for (const { name, tokens } of files?.list() ?? []) {
      const place = this.#tree.at(tokens);
      place.value = { file: name };
      this.#places.set(name, place);
    }
    files?.onRemoved((name) => this.#forget(name));
  }

  /** Bytes of states and tokens in memory. */
  get bytes(): number {
    return this.#memory.calculatedSize;
  }

  get entries(): number {
    return this.#memory.size + this.#places.size;
  }

  /** The state of the longest known beginning of `tokens`. */
  async find(tokens: readonly number[]): Promise<CacheHit> {
    const { value, length, shared } = this.#tree.find(tokens);
    const state = value && ('state' in value ? value.state : await this.#files?.read(value.file));
    if (!state) {
      this.misses += 1;
      return { length: 0, state: undefined, shared };
    }
    this.hits += 1;
    this.put(tokens.slice(0, length), state); // used now
    return { length, state, shared };
  }

  /** Keeps the state after `tokens`, which nobody may change from now on. */
  put(tokens: readonly number[], state: SequenceState): void {
    if (tokens.length === 0) return;
    const place = this.#tree.at(tokens);
    if (place.value && 'file' in place.value) this.#places.delete(place.value.file);
    place.value = { state };
    this.#memory.set(place, { tokens: tokens.slice(), state });
    // An entry that is larger than all of the memory is refused without a word.
    if (!this.#memory.has(place)) this.#toDisk(place, tokens, state);
  }

  /** Forgets half of what is in memory. */
  shrink(): void {
    for (let count = Math.ceil(this.#memory.size / 2); count > 0; count--) this.#memory.pop();
  }

  #toDisk(place: Place<Kept>, tokens: readonly number[], state: SequenceState): void {
    const file = this.#files?.write(tokens, state);
    if (file === undefined) {
      this.#tree.remove(place);
      return;
    }
    place.value = { file };
    this.#places.set(file, place);
  }

  #forget(file: string): void {
    const place = this.#places.get(file);
    if (!place) return; // its state is in memory again
    this.#places.delete(file);
    this.#tree.remove(place);
  }
}
