/** One interface for every kind of model: its parameters, its state and its computation. */
import type { Paging } from '../ops/pages.ts';
import type { Sequences } from '../ops/sequences.ts';
import type { Tensor } from '../program/tensor.ts';
import { bitNetBlock } from './bitnet.ts';
import type { DecoderConfig, MatMulFreeConfig, ModelConfig, RwkvConfig } from './config.ts';
import { decoder } from './decoder.ts';
import { matmulFree } from './matmulFree.ts';
import type { ParameterSpec } from './parameters.ts';
import { rwkv } from './rwkv.ts';
import { transformerBlock } from './transformer.ts';
import type { Weights } from './weights.ts';

export interface Forward {
  /** The embedding, then each block's output; the last one after the final norm: [.., hidden]. */
  readonly hidden: readonly Tensor[];
  /** Each layer's states after the last token, in the order of `states`. Empty for models that attend. */
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

/** Assigns the tokens of a program to sequences, and gives the state that each sequence continues from. */
export type StateLayout = Sequences & { readonly states?: readonly Tensor[] };

/** A model whose state has a fixed size, whatever the length of the sequence. */
export interface RecurrentArchitecture extends Common {
  readonly memory: 'states';
  /** The states of `count` sequences: tensors [count, …]. */
  states(count: number): Tensor[];
  /**
   * ids [batch, length] i32, or [1, rows] i32 for slots → hidden states and next states. Without states, each
   * sequence starts from zeros.
   */
  forward(weights: Weights, ids: Tensor, layout?: StateLayout): Forward;
}

/** The keys and values of one sequence, layer by layer. */
export interface KeyValueCache {
  readonly kind: 'sequence';
  /** Keys, then values, of each layer: [1, capacity, keyHeads · headSize]. */
  readonly tensors: readonly Tensor[];
  /** Number of tokens in the cache: [1] i32, written before each run. */
  readonly held: Tensor;
}

/** The keys and values of many sequences, in pages of one pool. */
export interface KeyValuePages {
  readonly kind: 'pages';
  readonly paging: Paging;
  /** Keys, then values, of each layer: [pages, pageSize, keyHeads · headSize]. */
  readonly tensors: readonly Tensor[];
}

/** A model that attends to all earlier tokens. Its state is a cache of keys and values that grows. */
export interface AttentionArchitecture extends Common {
  readonly memory: 'cache';
  /** Context length in tokens. */
  readonly contextLength: number;
  /** Tensors for the keys and values of `capacity` tokens. */
  cache(capacity: number): Tensor[];
  /** Tensors for the keys and values of so many pages. */
  pools(pages: number): Tensor[];
  /**
   * ids [batch, length] i32 → hidden states. With a cache, ids are [1, length] and follow the tokens in the cache;
   * their keys and values are appended to it. With pages, ids are [1, rows], tokens of many sequences.
   */
  forward(weights: Weights, ids: Tensor, cache?: KeyValueCache | KeyValuePages): Forward;
}

export type Architecture = RecurrentArchitecture | AttentionArchitecture;

export function architectureOf(config: MatMulFreeConfig | RwkvConfig): RecurrentArchitecture;
export function architectureOf(config: DecoderConfig): AttentionArchitecture;
export function architectureOf(config: ModelConfig): Architecture;
export function architectureOf(config: ModelConfig): Architecture {
  switch (config.modelType) {
    case 'hgrn_bit':
      return matmulFree(config);
    case 'rwkv_bit':
      return rwkv(config);
    case 'llama':
    case 'qwen3':
      return decoder(config, transformerBlock(config));
    case 'bitnet':
      return decoder(config, bitNetBlock(config));
  }
}
