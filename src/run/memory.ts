/** The memory that a model needs, computed before anything runs. */
import { planOnCpu } from '../engine/cpu/planOnCpu.ts';
import type { Architecture } from '../model/architecture.ts';
import { pageSize } from '../ops/pages.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RecordedModel } from './model.ts';
import { pagesFor } from './sequencePages.ts';
import { recordTypicalStep } from './steps.ts';

/** Bytes. */
export interface MemoryNeeds {
  readonly weights: number;
  /** State of a conversation: of any length for recurrent models, at the context length for models that attend. */
  readonly statePerSequence: number;
  /** State added by each token: its keys and values; 0 for recurrent models. */
  readonly statePerToken: number;
  /** Max temporaries of prefill and decode. Logits of all tokens at once are extra. */
  readonly temporaries: number;
}

/** @param longestStep tokens that the engine reads in one program; default: the CPU's */
export function memoryNeeds(model: RecordedModel, longestStep = 256): MemoryNeeds {
  const { architecture, weights } = model;
  const { context, state, perToken } = stateBytes(architecture);
  const length = Math.min(longestStep, context || longestStep);
  const program = recordTypicalStep(model, length, 'last', context);
  return {
    weights: bytesOf(weights.all()),
    statePerSequence: state,
    statePerToken: perToken,
    temporaries: planOnCpu(program).plan.peakBytes,
  };
}

/** Bytes of a sequence's state; `context` is the context length, 0 for recurrent models. */
function stateBytes(architecture: Architecture) {
  if (architecture.memory === 'states')
    return { context: 0, state: bytesOf(architecture.states(1)), perToken: 0 };
  const context = architecture.contextLength;
  const state = bytesOf(architecture.pools(pagesFor(context)));
  return { context, state, perToken: bytesOf(architecture.pools(1)) / pageSize };
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((total, { bytes }) => total + bytes, 0);
}
