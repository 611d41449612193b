/** Each kind of model behind one interface: what is stored, what is remembered, what is computed. */
import type { Tensor } from '../program/tensor.ts';
import type { ModelConfig } from './config.ts';
import {
  type Forward,
  matmulFreeForward,
  matmulFreeHead,
  matmulFreeParameters,
  matmulFreeStates,
} from './matmulFree.ts';
import type { ParameterSpec } from './parameters.ts';
import type { Weights } from './weights.ts';

export interface Architecture {
  parameters(): ParameterSpec[];
  /** What carries a sequence from one call to the next. */
  states(batch: number): Tensor[];
  /** ids [batch, length] i32 → hidden states and next states. Without `states` a sequence starts anew. */
  forward(weights: Weights, ids: Tensor, states?: readonly Tensor[]): Forward;
  /** Hidden states after the final norm → logits [.., vocabulary]. */
  head(weights: Weights, hidden: Tensor): Tensor;
}

export function architectureOf(config: ModelConfig): Architecture {
  return {
    parameters: () => matmulFreeParameters(config),
    states: (batch) => matmulFreeStates(config, batch),
    forward: (weights, ids, states) => matmulFreeForward(config, weights, ids, states),
    head: matmulFreeHead,
  };
}
