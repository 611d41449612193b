/** What a model needs in memory, known before anything runs. */
import { planOnCpu } from '../engine/cpu/planOnCpu.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { recordTypicalStep } from './sequenceReader.ts';

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
export function memoryNeeds(architecture: Architecture, weights: Weights, longestStep = 256): MemoryNeeds {
  const { cached } = architecture;
  const states = cached ? cached.cache(cached.longest) : architecture.states(1);
  const length = Math.min(longestStep, cached?.longest ?? longestStep);
  const program = recordTypicalStep(architecture, weights, length, 'last', cached?.longest ?? 0);
  const sum = (tensors: readonly { bytes: number }[]) =>
    tensors.reduce((total, { bytes }) => total + bytes, 0);
  return {
    weights: sum(weights.all()),
    statePerSequence: sum(states),
    statePerToken: cached ? sum(states) / cached.longest : 0,
    temporaries: planOnCpu(program).plan.peakBytes,
  };
}
