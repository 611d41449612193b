/** Scores a trained model's validation windows token by token. */
import { scoresByPosition } from '../evaluate/positions.ts';
import { architectureOf } from '../model/architecture.ts';
import { scorerOf } from '../run/readers.ts';
import type { Question, TokenScore } from '../run/scoring.ts';
import { Turns } from '../run/turns.ts';
import type { Batch } from '../text/batches.ts';
import type { Run } from '../train/run.ts';

/** The prediction of the token after position `position` of a window, counted from 0. */
export interface LabelScore extends TokenScore {
  /** Number of the window. */
  readonly window: number;
  readonly position: number;
}

/** The scores of all labels of all validation windows. */
export async function scoreValidation(run: Run, signal: AbortSignal): Promise<LabelScore[]> {
  const { engine, weights, config } = run.trainer;
  const { vocabSize: vocabulary } = config;
  const architecture = architectureOf(config);
  const scorer = scorerOf({ engine, weights, architecture, vocabulary, turns: new Turns() });
  const { length } = run.settings;
  const found: LabelScore[] = [];
  let before = 0;
  for (const set of run.sampler.validationSets) {
    for await (const batch of set.batches()) {
      const scores = await scorer.score(questionsOf(batch, length), signal);
      scores.forEach(([row = []], window) => {
        row.forEach((score, position) => {
          if (batch.labels[window * length + position]! >= 0)
            found.push({ window: before + window, position, ...score });
        });
      });
      before += scores.length;
    }
  }
  return found;
}

/** Each window as a text whose tokens are all predicted but the first. */
function questionsOf({ inputs, labels }: Batch, length: number): Question[] {
  return Array.from({ length: inputs.length / length }, (_, window) => {
    const ids = [...inputs.subarray(window * length, (window + 1) * length)];
    const last = labels[(window + 1) * length - 1]!;
    return { context: ids.slice(0, 1), continuations: [[...ids.slice(1), ...(last < 0 ? [] : [last])]] };
  });
}

/** A stretch of positions, and what was found there. */
export interface PositionLoss {
  /** Positions from `from` to below `end`. */
  readonly from: number;
  readonly end: number;
  /** Mean loss in nats a token. */
  readonly loss: number;
  readonly tokens: number;
}

/** Mean losses over stretches that double: positions 0, 1, 2–3, 4–7, … */
export function lossByPosition(scores: readonly LabelScore[]): PositionLoss[] {
  return scoresByPosition(scores.map((score) => ({ ...score, bytes: 0 }))).map(
    ({ from, end, tokens, logLikelihood }) => ({ from, end, loss: (0 - logLikelihood) / tokens, tokens }), // never −0
  );
}
