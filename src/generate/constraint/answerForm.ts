/** The form of an answer while it is generated: which tokens may come next, and which come without asking the model. */
import { InputError } from '../../errors.ts';
import type { GenerationTokenizer } from '../generate.ts';
import { Constraint, type Matcher } from './matcher.ts';
import { constraintOf, type ResponseFormat as Format } from './responseFormat.ts';
import type { ConstraintTokenizer } from './tokenTrie.ts';

/** A form, or one that was made ready before. */
export type ResponseFormat = Format | Constraint;

/**
 * @param stopTokens tokens that end an answer, which they may once its form is complete
 * @returns undefined if any text will do
 * @throws InputError if the form is wrong, or the model has no tokenizer
 */
export function answerForm(
  format: ResponseFormat,
  tokenizer: GenerationTokenizer,
  stopTokens: ReadonlyMap<number, unknown>,
): AnswerForm | undefined {
  if (format instanceof Constraint) return new AnswerForm(format.start(), stopTokens);
  if (!isForConstraints(tokenizer))
    throw new InputError('responseFormat: this model has no tokenizer, which forms of answers need');
  const constraint = constraintOf(format, tokenizer);
  return constraint && new AnswerForm(constraint.start(), stopTokens);
}

function isForConstraints(
  tokenizer: GenerationTokenizer | ConstraintTokenizer,
): tokenizer is ConstraintTokenizer {
  return 'bytes' in tokenizer;
}

export class AnswerForm {
  readonly #matcher: Matcher;
  readonly #stopTokens: ReadonlyMap<number, unknown>;
  #forced: number[] | undefined;
  #allowed = new Uint32Array();
  #restricted = new Float32Array();

  constructor(matcher: Matcher, stopTokens: ReadonlyMap<number, unknown>) {
    this.#matcher = matcher;
    this.#stopTokens = stopTokens;
  }

  /** Whether the answer is complete, and nothing may follow. */
  get isEnded(): boolean {
    return this.#matcher.isEnded;
  }

  /** The next token if the form leaves no choice. */
  forced(): number | undefined {
    this.#forced ??= this.#matcher.forced();
    return this.#forced.shift();
  }

  /**
   * The tokens that may come next, those that end the answer among them, a bit each as `Matcher.allowed`; valid until the
   * next call.
   * @throws InputError if there is none
   */
  allowed(): Uint32Array {
    let allowed = this.#matcher.allowed();
    if (this.#matcher.isComplete && this.#stopTokens.size > 0) {
      if (this.#allowed.length !== allowed.length) this.#allowed = new Uint32Array(allowed.length);
      this.#allowed.set(allowed);
      allowed = this.#allowed;
      for (const id of this.#stopTokens.keys()) allowed[id >> 5]! |= 1 << (id & 31);
    }
    if (allowed.some((word) => word !== 0)) return allowed;
    throw new InputError(
      'responseFormat: no token of this vocabulary continues the answer; its form asks for other bytes',
    );
  }

  /** Logits in which tokens that may not come next are −Infinity; valid until the next call. */
  restricted(logits: Float32Array): Float32Array {
    const allowed = this.allowed();
    if (this.#restricted.length !== logits.length) this.#restricted = new Float32Array(logits.length);
    const restricted = this.#restricted;
    restricted.set(logits);
    for (let at = 0; at < allowed.length; at++) {
      const start = 32 * at;
      if (allowed[at] === 0) restricted.fill(Number.NEGATIVE_INFINITY, start, start + 32);
      else exclude(restricted, start, ~allowed[at]!);
    }
    restricted.fill(Number.NEGATIVE_INFINITY, 32 * allowed.length); // tokens that the tokenizer does not know
    return restricted;
  }

  /** @param ends whether the token ends the answer, and is not part of its text */
  accept(id: number, ends: boolean): void {
    if (ends) return;
    this.#matcher.accept(id);
    if (this.#forced?.length === 0) this.#forced = undefined;
  }
}

/** Makes the tokens impossible whose bit is 1: `start` plus the bit's place. */
function exclude(logits: Float32Array, start: number, bits: number): void {
  for (let rest = bits; rest !== 0; rest &= rest - 1)
    logits[start + 31 - Math.clz32(rest & -rest)] = Number.NEGATIVE_INFINITY;
}
