/**
 * The tokens of a vocabulary as a tree of their bytes, so that what may come next is found in one walk that leaves out
 * whatever begins wrongly. The tree is flat: nodes in the order of a walk, each with its depth and where its subtree ends.
 */
import { InputError } from '../../errors.ts';
import { plainLength } from './plainText.ts';

/** The part of a tokenizer that a constraint uses. */
export interface ConstraintTokenizer {
  readonly vocabularySize: number;
  encode(text: string, options: { addSpecialTokens: boolean; continues: boolean }): number[];
  bytes(id: number): Uint8Array;
  token(id: number): string | undefined;
  isSpecial(id: number): boolean;
}

export interface TokenTrie {
  readonly bytes: Uint8Array;
  /** From 1 on. */
  readonly depths: Uint16Array;
  /** The node after the subtree. */
  readonly ends: Int32Array;
  /** The token that ends at a node; −1: none. */
  readonly tokens: Int32Array;
  /** By token: the next one with the same bytes; −1: none. */
  readonly twins: Int32Array;
  readonly maxDepth: number;
}

/** The tokens that are text. */
export interface Vocabulary {
  readonly all: TokenTrie;
  /** Those that are not plain text of at most `maxPlain` characters. */
  readonly others: TokenTrie;
  /** The plain ones of at most as many characters as the index says, a bit each. */
  readonly plain: readonly Uint32Array[];
}

/** Characters of a token; longer ones are few. */
export const maxPlain = 24;

const known = new WeakMap<ConstraintTokenizer, Vocabulary>();

/** Special tokens are not text, so they are left out. */
export function vocabularyOf(tokenizer: ConstraintTokenizer): Vocabulary {
  const found = known.get(tokenizer) ?? read(tokenizer);
  known.set(tokenizer, found);
  return found;
}

function read(tokenizer: ConstraintTokenizer): Vocabulary {
  const { vocabularySize } = tokenizer;
  const all: string[] = [];
  const others: string[] = [];
  const plain = Array.from({ length: maxPlain + 1 }, () => new Uint32Array(Math.ceil(vocabularySize / 32)));
  for (let id = 0; id < vocabularySize; id++) {
    if (tokenizer.token(id) === undefined || tokenizer.isSpecial(id)) continue;
    const bytes = tokenizer.bytes(id);
    if (bytes.length === 0 || bytes.length >= 65_536) continue;
    const spelling = spell(bytes, id);
    all.push(spelling);
    const length = plainLength(bytes) ?? Number.POSITIVE_INFINITY;
    if (length > maxPlain) others.push(spelling);
    for (let most = length; most <= maxPlain; most++) plain[most]![id >> 5]! |= 1 << (id & 31);
  }
  if (all.length === 0)
    throw new InputError('responseFormat: found a tokenizer without tokens that are text');
  return { all: build(all, vocabularySize), others: build(others, vocabularySize), plain };
}

/** A character a byte, never 0, then 0 and the id: texts then sort as their bytes do, and sorting them needs no calls. */
function spell(bytes: Uint8Array, id: number): string {
  let spelling = '';
  for (const byte of bytes) spelling += String.fromCharCode(byte + 1);
  return `${spelling}\0${id}`;
}

function build(spelled: string[], vocabularySize: number): TokenTrie {
  spelled.sort();
  let [total, maxDepth, before] = [0, 0, ''];
  for (const spelling of spelled) {
    const length = spelling.indexOf('\0');
    total += length - Math.min(length, shared(before, spelling));
    maxDepth = Math.max(maxDepth, length);
    before = spelling;
  }
  const trie = {
    bytes: new Uint8Array(total),
    depths: new Uint16Array(total),
    ends: new Int32Array(total),
    tokens: new Int32Array(total).fill(-1),
    twins: new Int32Array(vocabularySize).fill(-1),
    maxDepth,
  };
  fill(trie, spelled);
  return trie;
}

function fill({ bytes, depths, ends, tokens, twins }: TokenTrie, spelled: readonly string[]): void {
  let node = 0;
  const path: number[] = [];
  let before = '';
  for (const spelling of spelled) {
    const length = spelling.indexOf('\0');
    const same = Math.min(length, shared(before, spelling));
    while (path.length > same) ends[path.pop()!] = node;
    for (let depth = same; depth < length; depth++) {
      bytes[node] = spelling.charCodeAt(depth) - 1;
      depths[node] = depth + 1;
      path.push(node++);
    }
    const [at, id] = [path.at(-1)!, Number(spelling.slice(length + 1))];
    twins[id] = tokens[at]!;
    tokens[at] = id;
    before = spelling;
  }
  for (const left of path) ends[left] = node;
}

/** Characters at the beginning that are the same, up to the 0 of one of them. */
function shared(a: string, b: string): number {
  let length = 0;
  while (a.charCodeAt(length) === b.charCodeAt(length) && a.charCodeAt(length) > 0) length++;
  return length;
}
