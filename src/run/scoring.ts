/**
 * Computes the log-probabilities of given tokens, for many texts at once. Each program takes the rows of as many texts
 * as fit, and the engine returns three numbers per token instead of logits over the whole vocabulary.
 *
 * The scores of a text do not depend on its neighbours. Every op works on single rows, except the recurrence, which
 * takes the rows of each text in order, and attention, which sees earlier rows of its own text only.
 */
import type { Engine, Read } from '../engine/engine.ts';
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { expectList, expectObject } from '../given.ts';
import { logitsInParts } from '../model/logits.ts';
import { numbersPerToken, tokenScores } from '../ops/tokenScores/tokenScores.ts';
import { output } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RecordedModel } from './model.ts';
import { checkTokens } from './steps.ts';

/** A context and the continuations to score after it. */
export interface Question {
  /** Token ids from the beginning of a text, at least one. */
  readonly context: readonly number[];
  readonly continuations: readonly (readonly number[])[];
}

/** The model's prediction of one token of a text. */
export interface TokenScore {
  /** Natural logarithm of the token's probability. */
  readonly logProbability: number;
  /** Whether greedy decoding would have chosen it. */
  readonly greedy: boolean;
}

export interface Scorer {
  /** Min tokens per call that keep programs full. */
  readonly tokensAtOnce: number;
  /**
   * Returns the score of each token of each continuation of each question.
   * @throws InputError for an empty context, an id outside the vocabulary, or a text beyond the context length; the
   * signal's reason if it is aborted, which is noticed between programs
   */
  score(questions: readonly Question[], signal?: AbortSignal): Promise<TokenScore[][][]>;
}

/** Max bytes of logits that exist at a time. */
const maxLogitBytes = 2 ** 27;

/** Full programs per call; the last, partly empty one then costs little in comparison. */
const programsAtOnce = 8;

export function tokensAtOnce(engine: Engine): number {
  return programsAtOnce * engine.longestStep;
}

/** Records the scores of labels [rows] i32 from hidden states [.., rows, width] after the final norm, in parts. */
export function recordScores(model: RecordedModel, hidden: Tensor, labels: Tensor): Tensor[] {
  return Array.from(logitsInParts(model, hidden, labels, maxLogitBytes), (part) =>
    output(tokenScores(part.logits, part.labels)),
  );
}

/** Reads of all parts of a program's scores into one array. */
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
  expectQuestions(questions);
  for (const { context, continuations } of questions) {
    if (context.length === 0) throw new InputError('context: found no token, expected at least one');
    for (const ids of [context, ...continuations]) checkTokens(ids, vocabulary);
  }
}

/** @throws InputError for what is no list of questions */
function expectQuestions(questions: readonly Question[]): void {
  expectList('questions', questions, 'questions {context, continuations}');
  for (const [index, question] of questions.entries()) {
    const name = `questions[${index}]`;
    expectObject(name, question);
    expectList(`${name}.context`, question.context, 'token ids');
    expectList(`${name}.continuations`, question.continuations, 'lists of token ids');
    for (const ids of question.continuations) expectList(`${name}.continuations`, ids, 'lists of token ids');
  }
}
