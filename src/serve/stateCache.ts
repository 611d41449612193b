/**
 * States of recently read texts, so that a text with the same beginning is read from there on. Bounded in bytes: the least
 * recently used state is moved to the disk if there is room, else dropped.
 */
import { LRUCache } from 'lru-cache';
import type { SequenceState } from '../run/sequenceReader.ts';
import { PrefixTree, type TreeNode } from './prefixTree.ts';
import type { StateFiles } from './stateFiles.ts';

/** A state in memory, or the name of its file. */
type Kept = { readonly state: SequenceState } | { readonly file: string };

export interface CacheHit {
  /** Tokens that the state has read. */
  readonly length: number;
  readonly state: SequenceState | undefined;
  /** Number of tokens that some text in the cache shares: a state there may serve the next text. */
  readonly shared: number;
}

export class StateCache {
  readonly #tree = new PrefixTree<Kept>();
  readonly #memory: LRUCache<
    TreeNode<Kept>,
    { readonly tokens: readonly number[]; readonly state: SequenceState }
  >;
  readonly #files: StateFiles | undefined;
  /** Of prefixes that stay until their name goes: what reads the state. */
  readonly #named = new PrefixTree<() => Promise<SequenceState | undefined>>();
  readonly #nodes = new Map<string, TreeNode<Kept>>();
  hits = 0;
  misses = 0;

  /** @param bytes of states and their tokens in memory; 0 disables the cache */
  constructor(bytes: number, files?: StateFiles) {
    this.#files = files;
    this.#memory = new LRUCache({
      maxSize: Math.max(bytes, 1),
      maxEntrySize: Math.max(bytes, 1),
      sizeCalculation: ({ tokens, state }) => Math.max(1, state.byteLength + 8 * tokens.length),
      dispose: ({ tokens, state }, node, reason) => {
        if (reason === 'evict') this.#toDisk(node, tokens, state);
      },
    });
    for (const { name, tokens } of files?.list() ?? []) {
      const node = this.#tree.at(tokens);
      node.value = { file: name };
      this.#nodes.set(name, node);
    }
    files?.onRemoved((name) => this.#forget(name));
  }

  /** Bytes of states and tokens in memory. */
  get bytes(): number {
    return this.#memory.calculatedSize;
  }

  get entries(): number {
    return this.#memory.size + this.#nodes.size;
  }

  /** The state of the longest known beginning of `tokens`. */
  async find(tokens: readonly number[]): Promise<CacheHit> {
    const [kept, named] = [this.#tree.find(tokens), this.#named.find(tokens)];
    const shared = Math.max(kept.shared, named.shared);
    const isNamed = named.value !== undefined && named.length > kept.length;
    const length = isNamed ? named.length : kept.length;
    const state = await (isNamed ? named.value!() : this.#stateOf(kept.value));
    if (!state) {
      this.misses += 1;
      return { length: 0, state: undefined, shared };
    }
    this.hits += 1;
    this.put(tokens.slice(0, length), state); // used now
    return { length, state, shared };
  }

  async #stateOf(kept: Kept | undefined): Promise<SequenceState | undefined> {
    return kept && ('state' in kept ? kept.state : this.#files?.read(kept.file));
  }

  /** Lets texts that begin with `tokens` continue from a state that is read when they come. */
  name(tokens: readonly number[], read: () => Promise<SequenceState | undefined>): void {
    this.#named.at(tokens).value = read;
  }

  unname(tokens: readonly number[]): void {
    this.#named.remove(this.#named.at(tokens));
  }

  /** Stores the state after `tokens`; it must not be changed from now on. */
  put(tokens: readonly number[], state: SequenceState): void {
    if (tokens.length === 0) return;
    const node = this.#tree.at(tokens);
    if (node.value && 'file' in node.value) this.#nodes.delete(node.value.file);
    node.value = { state };
    this.#memory.set(node, { tokens: tokens.slice(), state });
    // An entry larger than the whole cache is ignored.
    if (!this.#memory.has(node)) this.#toDisk(node, tokens, state);
  }

  /** Like `put`, and writes the state to the disk at once, if there is room for it there: it outlives the process. */
  keep(tokens: readonly number[], state: SequenceState): void {
    this.put(tokens, state);
    this.#files?.write(tokens, state);
  }

  /** Drops half of the states in memory. */
  shrink(): void {
    for (let count = Math.ceil(this.#memory.size / 2); count > 0; count--) this.#memory.pop();
  }

  #toDisk(node: TreeNode<Kept>, tokens: readonly number[], state: SequenceState): void {
    const file = this.#files?.write(tokens, state);
    if (file === undefined) {
      this.#tree.remove(node);
      return;
    }
    node.value = { file };
    this.#nodes.set(file, node);
  }

  #forget(file: string): void {
    const node = this.#nodes.get(file);
    if (!node) return; // its state is in memory again
    this.#nodes.delete(file);
    this.#tree.remove(node);
  }
}
