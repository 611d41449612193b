/** Draws tokens on the device for rows of several sequences, so that the host waits for four bytes a row. */
import { bytesOf, type Engine } from '../engine/engine.ts';
import { NumericalError } from '../errors.ts';
import {
  type SampleSettings,
  type SampleState,
  sampleState,
  settingsOf,
  wordsOf,
} from '../ops/sample/sample.ts';

/** How the next token of a sequence is drawn. */
export interface Draw {
  readonly settings: SampleSettings;
  /** In [0, 1). */
  readonly uniform: number;
  /** Tokens that the repetition penalty applies to. */
  readonly history: Iterable<number>;
  /** A bit for each token, bit t mod 32 of word t / 32: those whose bit is 0 are not drawn. Default: all may be. */
  readonly allowed?: Uint32Array | undefined;
}

const greedy: SampleSettings = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const allBits = -1;

/** The operands with which a program draws a token of each of its rows. */
export class RowDraws {
  readonly state: SampleState;
  readonly #words: number;
  readonly #settings: Float32Array;
  readonly #uniforms: Float32Array;
  /** A row for each sequence, as `state.seen` and `state.allowed`. */
  readonly #seen: Int32Array;
  readonly #allowed: Int32Array;
  /** Whether any row of `state.allowed` has a bit that is 0, as in new memory. */
  #isLimited = true;

  constructor(vocabulary: number, rows: number) {
    this.#words = wordsOf(vocabulary);
    this.state = sampleState(vocabulary, 1, rows);
    this.#settings = new Float32Array(this.state.settings.size);
    this.#uniforms = new Float32Array(this.state.uniforms.size);
    this.#seen = new Int32Array(this.state.seen.size);
    this.#allowed = new Int32Array(this.state.allowed.size);
  }

  /** Writes how the next run draws. Rows beyond those of `draws` are padding. */
  write(engine: Engine, draws: readonly Draw[]): void {
    const { settings, uniforms, seen, allowed } = this.state;
    for (let row = 0; row < this.#uniforms.length; row++) {
      this.#settings.set(settingsOf(draws[row]?.settings ?? greedy), 5 * row);
      this.#uniforms[row] = draws[row]?.uniform ?? 0;
    }
    engine.write(settings, bytesOf(this.#settings));
    engine.write(uniforms, bytesOf(this.#uniforms));
    if (this.#markSeen(draws)) engine.write(seen, bytesOf(this.#seen));
    if (this.#markAllowed(draws)) engine.write(allowed, bytesOf(this.#allowed));
  }

  /** @returns whether any row has a penalty */
  #markSeen(draws: readonly Draw[]): boolean {
    let penalises = false;
    for (const [row, { settings, history }] of draws.entries()) {
      if (settings.repetitionPenalty === 1) continue;
      penalises = true;
      const words = this.#seen.subarray(row * this.#words, (row + 1) * this.#words);
      words.fill(0);
      for (const id of history) addTo(words, id);
    }
    return penalises;
  }

  /** @returns whether what the device has must be written */
  #markAllowed(draws: readonly Draw[]): boolean {
    const isLimited = draws.some(({ allowed }) => allowed);
    if (!isLimited && !this.#isLimited) return false;
    this.#allowed.fill(allBits);
    for (const [row, { allowed }] of draws.entries())
      if (allowed) this.#allowed.set(fitWords(allowed, this.#words), row * this.#words);
    this.#isLimited = isLimited;
    return true;
  }
}

/** Adds a token to a set with a bit for each. */
export function addTo(words: Int32Array | Uint32Array, id: number): void {
  words[id >> 5]! |= 1 << (id & 31);
}

/** A set of tokens with this many words. The tokenizer may know fewer tokens than the model, or more. */
export function fitWords(set: Uint32Array, words: number): Uint32Array {
  if (set.length === words) return set;
  const fitted = new Uint32Array(words);
  fitted.set(set.subarray(0, words));
  return fitted;
}

/** @throws NumericalError if no token could be drawn */
export function checkDrawn(token: number | undefined): number {
  if (token === undefined) throw new Error('expected a token that was drawn');
  if (token >= 0) return token;
  throw new NumericalError("logits contain NaN or Infinity; the model's weights may be damaged");
}
