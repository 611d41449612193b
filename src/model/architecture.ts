/** Each kind of model behind one interface: what is stored, what is remembered, what is computed. */
import type { Tensor } from '../program/tensor.ts';
import { bitNetBlock } from './bitnet.ts';
import type { AttentionConfig, ModelConfig } from './config.ts';
import {
  type Block,
  decoderCache,
  decoderForward,
  decoderHead,
  decoderParameters,
  type KeyValueCache,
} from './decoder.ts';
import {
  matmulFreeForward,
  matmulFreeForwardSlots,
  matmulFreeParameters,
  matmulFreeStates,
} from './matmulFree.ts';
import type { ParameterSpec } from './parameters.ts';
import { type Forward, ternaryHead } from './recurrent.ts';
import { rwkvForward, rwkvParameters, rwkvStates } from './rwkv.ts';
import { transformerBlock } from './transformer.ts';
import type { Weights } from './weights.ts';

/** How a sequence goes on in a model that attends to all of it. */
export interface CachedForward {
  /** Tokens of the longest sequence. */
  readonly longest: number;
  /** Room for the keys and values of so many tokens. */
  cache(capacity: number): Tensor[];
  /** ids [1, length] i32 → hidden states, as in `Architecture.forward`; their keys and values join the cache. */
  forward(weights: Weights, ids: Tensor, cache: KeyValueCache): readonly Tensor[];
}

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
  /** Present in models that attend: they go on from keys and values, and `states` is empty. */
  readonly cached?: CachedForward;
  /** Hidden states after the final norm → logits [.., vocabulary]. */
  head(weights: Weights, hidden: Tensor): Tensor;
}

export function architectureOf(config: ModelConfig): Architecture {
  switch (config.modelType) {
    case 'hgrn_bit':
      return {
        parameters: () => matmulFreeParameters(config),
        states: (batch) => matmulFreeStates(config, batch),
        forward: (weights, ids, states) => matmulFreeForward(config, weights, ids, states),
        forwardSlots: (weights, ids, slots, states) =>
          matmulFreeForwardSlots(config, weights, ids, slots, states),
        head: ternaryHead,
      };
    case 'rwkv_bit':
      return {
        parameters: () => rwkvParameters(config),
        states: (batch) => rwkvStates(config, batch),
        forward: (weights, ids, states) => rwkvForward(config, weights, ids, states),
        head: ternaryHead,
      };
    case 'llama':
      return attending(
        config,
        { projections: 'matrix', subNorms: false },
        (weights) => (x, prefix, attend) => transformerBlock(config, weights, x, prefix, attend),
      );
    case 'bitnet':
      return attending(
        config,
        { projections: 'ternary', subNorms: true },
        (weights) => (x, prefix, attend) => bitNetBlock(config, weights, x, prefix, attend),
      );
  }
}

/** Models that attend: what carries a sequence on is a cache that grows with it, not a state. */
function attending(
  config: AttentionConfig,
  form: Parameters<typeof decoderParameters>[1],
  block: (weights: Weights) => Block,
): Architecture {
  return {
    parameters: () => decoderParameters(config, form),
    states: () => [],
    forward: (weights, ids) => ({ hidden: decoderForward(config, weights, ids, block(weights)), states: [] }),
    cached: {
      longest: config.maxPositionEmbeddings,
      cache: (capacity) => decoderCache(config, capacity),
      forward: (weights, ids, cache) => decoderForward(config, weights, ids, block(weights), cache),
    },
    head: (weights, hidden) => decoderHead(config, weights, hidden),
  };
}
