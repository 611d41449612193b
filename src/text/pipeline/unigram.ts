/** SentencePiece's Unigram model: of all ways to cut a word into pieces, the most probable. */
import { InputError } from '../../errors.ts';
import { describe, type ModelJson } from '../tokenizerJson.ts';
import { Trie } from './trie.ts';
import { byteTokens, spelledInBytes, type Vocabulary, type WordModel } from './wordModel.ts';

/** How much less probable than the least probable piece an unknown character is. */
const UNKNOWN_PENALTY = 10;
const STEPS_PER_PAUSE = 8192;

export class Unigram implements WordModel {
  readonly #scores: readonly number[];
  readonly #trie = new Trie();
  readonly #vocabulary: Vocabulary;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #where: string;

  constructor(model: ModelJson, vocabulary: Vocabulary, where: string) {
    const pieces = model.vocab as [string, number][];
    this.#where = where;
    this.#vocabulary = vocabulary;
    this.#scores = pieces.map(([, score]) => score);
    this.#unknownScore = this.#scores.reduce((min, score) => Math.min(min, score)) - UNKNOWN_PENALTY;
    for (const [text, id] of vocabulary) if (text !== '') this.#trie.add(text, id);
    const unknown = model.unk_id ?? undefined;
    if (unknown !== undefined && !(Number.isInteger(unknown) && pieces[unknown as number] !== undefined))
      throw new InputError(`${where}.unk_id: found ${describe(unknown)}, expected an id of model.vocab`);
    this.#unknown = unknown as number | undefined;
    this.#bytes = model.byte_fallback === true ? byteTokens(vocabulary) : undefined;
  }

  encode(word: string): readonly number[] {
    return [...this.encodeLong(word)].flat();
  }

  *encodeLong(word: string): Generator<readonly number[]> {
    const pieces = yield* this.#bestPieces(word);
    const ids: number[] = [];
    let unknown = '';
    const flush = () => {
      if (unknown !== '') ids.push(...this.#idsOf(unknown));
      unknown = '';
    };
    for (const [piece, id] of pieces) {
      // Neighbouring unknown characters are one piece.
      if (id === this.#unknown) unknown += piece;
      else {
        flush();
        ids.push(...this.#idsOf(piece));
      }
    }
    flush();
    yield ids;
  }

  /** The best path through the word, by dynamic programming: piece and id. */
  *#bestPieces(word: string): Generator<readonly number[], [string, number][]> {
    const length = word.length;
    const score = new Float64Array(length + 1);
    const from = new Int32Array(length + 1).fill(-1);
    const ids = new Int32Array(length + 1);
    const offer = (start: number, end: number, id: number, value: number) => {
      const total = score[start]! + value;
      if (from[end]! >= 0 && total <= score[end]!) return;
      score[end] = total;
      from[end] = start;
      ids[end] = id;
    };
    for (let at = 0, steps = 1; at < length; steps++) {
      if (steps % STEPS_PER_PAUSE === 0) yield [];
      const next = at + (word.codePointAt(at)! > 0xffff ? 2 : 1);
      let single = false;
      const start = at;
      this.#trie.eachAt(word, at, (id, end) => {
        offer(start, end, id, this.#scores[id]!);
        single ||= end === next;
      });
      if (!single) offer(at, next, this.#unknownId(), this.#unknownScore);
      at = next;
    }
    const pieces: [string, number][] = [];
    for (let end = length; end > 0; end = from[end]!) pieces.push([word.slice(from[end]!, end), ids[end]!]);
    return pieces.reverse();
  }

  #idsOf(piece: string): readonly number[] {
    const id = this.#vocabulary.get(piece);
    if (id !== undefined) return [id];
    const bytes = this.#bytes && spelledInBytes(piece, this.#bytes);
    return bytes ?? [this.#unknownId()];
  }

  #unknownId(): number {
    if (this.#unknown !== undefined) return this.#unknown;
    throw new InputError(
      `${this.#where}: the text has a character outside model.vocab, and there is no unk_id`,
    );
  }
}
