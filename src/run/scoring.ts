/**
 * How probable given tokens are, for many texts at once. Each program takes rows of as many texts as fill it, and what
 * comes back from the engine are three numbers a token instead of the logits of a whole vocabulary.
 *
 * What a text gets does not depend on those beside it: every op works on rows by themselves but the recurrence, which
 * takes each text's rows in order, and attention, which sees the rows of its own text up to its own.
 */
import type { Engine, Read } from '../engine/engine.ts';
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { logitsInParts } from '../model/logits.ts';
import { numbersPerToken, tokenScores } from '../ops/tokenScores/tokenScores.ts';
import { output } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RecordedModel } from './model.ts';
import { checkTokens } from './steps.ts';

/** How probable is each of the continuations after the context? */
export interface Question {
  /** Token ids from the beginning of a text, at least one. */
  readonly context: readonly number[];
  readonly continuations: readonly (readonly number[])[];
}

/** What the model says of a token where it stands. */
export interface TokenScore {
  /** Natural logarithm of its probability. */
  readonly logProbability: number;
  /** Whether greedy decoding would have chosen it. */
  readonly greedy: boolean;
}

export interface Scorer {
  /** Tokens that one call should bring at least, so that programs are full. */
  readonly tokensAtOnce: number;
  /**
   * The score of each token of each continuation of each question.
   * @throws InputError for an empty context, an id outside the vocabulary, or a text longer than the model's longest;
   * the signal's reason if it is aborted, which is noticed between programs
   */
  score(questions: readonly Question[], signal?: AbortSignal): Promise<TokenScore[][][]>;
}

/** Logits of so many bytes exist at a time. */
const maxLogitBytes = 2 ** 27;

/** A call brings several programs full, so that the last, which is not, matters little. */
const programsAtOnce = 8;

export function tokensAtOnce(engine: Engine): number {
  return programsAtOnce * engine.longestStep;
}

/** Records scores of labels [rows] i32 by hidden states [.., rows, width] after the final norm, in one part or several. */
export function recordScores(model: RecordedModel, hidden: Tensor, labels: Tensor): Tensor[] {
  return Array.from(logitsInParts(model, hidden, labels, maxLogitBytes), (part) =>
    output(tokenScores(part.logits, part.labels)),
  );
}

/** Where the scores of a program's rows are to be read to. */
export function readsOf(scores: readonly Tensor[]): { readonly reads: Read[]; readonly found: Float32Array } {
  const found = new Float32Array(scores.reduce((sum, { size }) => sum + size, 0));
  let start = 0;
  const reads = scores.map((tensor) => {
    const target = bytesOf(found.subarray(start, start + tensor.size));
    start += tensor.size;
    return { tensor, target };
  });
  return { reads, found };
}

/** The scores of rows [first, first + count). */
export function scoresAt(found: Float32Array, first: number, count: number): TokenScore[] {
  return Array.from({ length: count }, (_, k) => {
    const at = numbersPerToken * (first + k);
    return { logProbability: found[at]! + found[at + 1]!, greedy: found[at + 2] === 1 };
  });
}

/** @throws InputError, see `Scorer.score` */
export function checkQuestions(questions: readonly Question[], vocabulary: number): void {
  for (const { context, continuations } of questions) {
    if (context.length === 0) throw new InputError('context: found no token, expected at least one');
    for (const ids of [context, ...continuations]) checkTokens(ids, vocabulary);
  }
}
