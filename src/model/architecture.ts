/** Each kind of model behind one interface: what is stored, what is remembered, what is computed. */
import type { Sequences } from '../ops/sequences.ts';
import type { Tensor } from '../program/tensor.ts';
import { bitNetBlock } from './bitnet.ts';
import type { BitNetConfig, MatMulFreeConfig, ModelConfig, RwkvConfig, TransformerConfig } from './config.ts';
import { decoder } from './decoder.ts';
import { matmulFree } from './matmulFree.ts';
import type { ParameterSpec } from './parameters.ts';
import { rwkv } from './rwkv.ts';
import { transformerBlock } from './transformer.ts';
import type { Weights } from './weights.ts';

export interface Forward {
  /** The embedding, then each block's output; the last one after the final norm: [.., hidden]. */
  readonly hidden: readonly Tensor[];
  /** Each layer's states after the last token, in the order of `states`; none of models that attend. */
  readonly states: readonly Tensor[];
}

/** Hidden states after the final norm: the last of `hidden`. */
export function lastHidden({ hidden }: Forward): Tensor {
  const last = hidden[hidden.length - 1];
  if (!last) throw new Error('forward: expected at least the embedding among the hidden states');
  return last;
}

interface Common {
  parameters(): ParameterSpec[];
  /** Hidden states after the final norm → logits [.., vocabulary]. */
  head(weights: Weights, hidden: Tensor): Tensor;
}

/** How the tokens of a program belong to sequences, and which states these go on from: none, or those of each. */
export type StateLayout = Sequences & { readonly states?: readonly Tensor[] };

/** A model that remembers a sequence by states of fixed size. */
export interface RecurrentArchitecture extends Common {
  readonly memory: 'states';
  /** What carries `count` sequences from one call to the next: [count, …] each. */
  states(count: number): Tensor[];
  /**
   * ids [batch, length] i32, or [1, rows] i32 of a layout with slots → hidden states and next states. Without states
   * each sequence starts anew.
   */
  forward(weights: Weights, ids: Tensor, layout?: StateLayout): Forward;
}

/** The keys and values of the tokens of one sequence so far, layer after layer. */
export interface KeyValueCache {
  /** Of each layer, keys and then values: [1, capacity, keyHeads · headSize]. */
  readonly tensors: readonly Tensor[];
  /** How many tokens it holds: [1] i32, written before each run. */
  readonly held: Tensor;
}

/** A model that attends to all earlier tokens: what carries a sequence on is a cache that grows with it. */
export interface AttentionArchitecture extends Common {
  readonly memory: 'cache';
  /** Tokens of the longest sequence. */
  readonly contextLength: number;
  /** Room for the keys and values of so many tokens. */
  cache(capacity: number): Tensor[];
  /**
   * ids [batch, length] i32 from the beginning, or [1, length] i32 after the tokens of a cache, which gets their keys
   * and values → hidden states.
   */
  forward(weights: Weights, ids: Tensor, cache?: KeyValueCache): Forward;
}

export type Architecture = RecurrentArchitecture | AttentionArchitecture;

export function architectureOf(config: MatMulFreeConfig | RwkvConfig): RecurrentArchitecture;
export function architectureOf(config: TransformerConfig | BitNetConfig): AttentionArchitecture;
export function architectureOf(config: ModelConfig): Architecture;
export function architectureOf(config: ModelConfig): Architecture {
  switch (config.modelType) {
    case 'hgrn_bit':
      return matmulFree(config);
    case 'rwkv_bit':
      return rwkv(config);
    case 'llama':
      return decoder(config, { projections: 'matrix', subNorms: false }, transformerBlock(config));
    case 'bitnet':
      return decoder(config, { projections: 'ternary', subNorms: true }, bitNetBlock(config));
  }
}
