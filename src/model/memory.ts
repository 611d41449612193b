/** What a model needs in memory, known before anything runs. */
import { planMemory } from '../program/plan.ts';
import type { Architecture } from './architecture.ts';
import { longestStep, recordStep } from './inference.ts';
import type { Weights } from './weights.ts';

/** Bytes. */
export interface MemoryNeeds {
  readonly weights: number;
  /** What a conversation is remembered by, whatever its length. */
  readonly statePerSequence: number;
  /** Temporaries of reading and generating, at most; logits of all tokens at once come on top. */
  readonly temporaries: number;
}

export function memoryNeeds(architecture: Architecture, weights: Weights): MemoryNeeds {
  const states = architecture.states(1);
  const { program } = recordStep(architecture, weights, states, longestStep, 'last');
  const sum = (tensors: readonly { bytes: number }[]) =>
    tensors.reduce((total, { bytes }) => total + bytes, 0);
  return {
    weights: sum(weights.all()),
    statePerSequence: sum(states),
    temporaries: planMemory(program).peakBytes,
  };
}
