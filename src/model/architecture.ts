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

/** How keys and values are kept: in f32, in f16, or in int8 with a step for each head of each token. */
export const kvCacheTypes = ['f32', 'f16', 'int8'] as const;
export type KvCacheType = (typeof kvCacheTypes)[number];

/** Options of models that attend. */
interface ArchitectureOptions {
  /** Default: f32. */
  readonly kvCacheType?: KvCacheType | undefined;
}

/** The keys and values of sequences, in pages of one pool. */
export interface KeyValuePages {
  readonly paging: Paging;
  /** Keys, then values, of each layer: [pages, pageSize, …]. */
  readonly tensors: readonly Tensor[];
}

/** A model that attends to all earlier tokens. Its state is pages of keys and values, ever more of them. */
export interface AttentionArchitecture extends Common {
  readonly memory: 'cache';
  /** Context length in tokens. */
  readonly contextLength: number;
  /** Tensors for the keys and values of so many pages. */
  pools(pages: number): Tensor[];
  /**
   * ids [batch, length] i32 → hidden states. With pages, ids are [1, rows], tokens of one sequence or of many; their keys
   * and values are appended to the pages.
   */
  forward(weights: Weights, ids: Tensor, pages?: KeyValuePages): Forward;
}

export type Architecture = RecurrentArchitecture | AttentionArchitecture;

export function architectureOf(config: MatMulFreeConfig | RwkvConfig): RecurrentArchitecture;
export function architectureOf(config: DecoderConfig, options?: ArchitectureOptions): AttentionArchitecture;
export function architectureOf(config: ModelConfig, options?: ArchitectureOptions): Architecture;
export function architectureOf(config: ModelConfig, options: ArchitectureOptions = {}): Architecture {
  switch (config.modelType) {
    case 'hgrn_bit':
      return matmulFree(config);
    case 'rwkv_bit':
      return rwkv(config);
    case 'llama':
    case 'qwen3':
      return decoder(config, transformerBlock(config), options.kvCacheType);
    case 'bitnet':
      return decoder(config, bitNetBlock(config), options.kvCacheType);
  }
}
