/** Each kind of model behind one interface: what is stored, what is remembered, what is computed. */
import type { Tensor } from '../program/tensor.ts';
import type { ModelConfig } from './config.ts';
import {
  type Forward,
  matmulFreeForward,
  matmulFreeForwardSlots,
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
  /**
   * ids [1, rows] i32, tokens of many sequences → hidden states and next states. Row r belongs to the sequence in
   * slot r of `slots` [rows] i32, of `states(count)`; rows of one slot stand together, in order. Absent: sequences
   * of this kind cannot advance together in one program.
   */
  forwardSlots?(weights: Weights, ids: Tensor, slots: Tensor, states: readonly Tensor[]): Forward;
  /** Hidden states after the final norm → logits [.., vocabulary]. */
  head(weights: Weights, hidden: Tensor): Tensor;
}

export function architectureOf(config: ModelConfig): Architecture {
  return {
    parameters: () => matmulFreeParameters(config),
    states: (batch) => matmulFreeStates(config, batch),
    forward: (weights, ids, states) => matmulFreeForward(config, weights, ids, states),
    forwardSlots: (weights, ids, slots, states) =>
      matmulFreeForwardSlots(config, weights, ids, slots, states),
    head: matmulFreeHead,
  };
}
