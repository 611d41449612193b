/** What a model needs in memory, known before anything runs. */
import { planOnCpu } from '../engine/cpu/planOnCpu.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RecordedModel } from './model.ts';
import { recordTypicalStep } from './steps.ts';

/** Bytes. */
export interface MemoryNeeds {
  readonly weights: number;
  /** What a conversation is remembered by: whatever its length, or, of models that attend, at its longest. */
  readonly statePerSequence: number;
  /** What each token adds to it: nothing, or a token's keys and values. */
  readonly statePerToken: number;
  /** Temporaries of reading and generating, at most; logits of all tokens at once come on top. */
  readonly temporaries: number;
}

/** @param longestStep tokens that the engine reads in one program; default: the CPU's */
export function memoryNeeds(model: RecordedModel, longestStep = 256): MemoryNeeds {
  const { architecture, weights } = model;
  const { context, state, perToken } = rememberedBy(architecture);
  const length = Math.min(longestStep, context || longestStep);
  const program = recordTypicalStep(model, length, 'last', context);
  return {
    weights: bytesOf(weights.all()),
    statePerSequence: state,
    statePerToken: perToken,
    temporaries: planOnCpu(program).plan.peakBytes,
  };
}

/** Bytes that remember a sequence; `context` is the longest that is attended to, 0 for recurrent models. */
function rememberedBy(architecture: Architecture) {
  if (architecture.memory === 'states')
    return { context: 0, state: bytesOf(architecture.states(1)), perToken: 0 };
  const context = architecture.contextLength;
  const state = bytesOf(architecture.cache(context));
  return { context, state, perToken: state / context };
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((total, { bytes }) => total + bytes, 0);
}
