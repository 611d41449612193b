import type { Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import type { Program } from '../program/record.ts';
import { input } from '../program/tensor.ts';
import { CachedInference, recordCachedStep } from './cachedInference.ts';
import { Inference, recordStep, type SequenceReader, type WantedLogits } from './inference.ts';
import type { Turns } from './turns.ts';

/** What runs a model over tokens: from state to state, or with a cache of keys and values. */
export function sequenceReader(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  vocabulary: number,
  turns?: Turns,
): SequenceReader {
  const Reader = architecture.cached ? CachedInference : Inference;
  return new Reader(engine, architecture, weights, vocabulary, turns);
}

/**
 * The program of a step that reads `length` tokens, for those who count rather than run. Of a model that attends,
 * `context` tokens are attended to, these included.
 */
export function recordTypicalStep(
  architecture: Architecture,
  weights: Weights,
  length: number,
  wanted: WantedLogits,
  context: number,
): Program {
  if (!architecture.cached)
    return recordStep(architecture, weights, architecture.states(1), length, wanted).program;
  const tensors = architecture.cached.cache(Math.max(context, length));
  const cache = { tensors, held: input('tokens held', [1], 'i32') };
  return recordCachedStep(architecture, weights, cache, length, wanted).program;
}
