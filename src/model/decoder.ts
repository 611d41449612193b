/**
 * What Transformer++ and BitNet share: the embedding, rotary positions, attention to the sequence itself or to a
 * cache of keys and values, and the head. Their blocks are their own: see transformer.ts and bitnet.ts.
 */
import { appendRows } from '../ops/appendRows/appendRows.ts';
import { attention } from '../ops/attention/attention.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { linear } from '../ops/linear/linear.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { rotary, rotaryTable } from '../ops/rotary/rotary.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { AttentionConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import type { Weights } from './weights.ts';

/** The keys and values of the tokens of one sequence so far, layer after layer. */
export interface KeyValueCache {
  /** Of each layer, keys and then values: [1, capacity, keyHeads · headSize]. */
  readonly tensors: readonly Tensor[];
  /** How many tokens it holds: [1] i32, written before each run. */
  readonly held: Tensor;
}

const table = 'model.embed_tokens.weight';

/** Room for the keys and values of `capacity` tokens. */
export function decoderCache(config: AttentionConfig, capacity: number): Tensor[] {
  const shape = [1, capacity, config.keyHeads * config.headSize];
  return Array.from({ length: config.layers }, (_, layer) =>
    ['keys', 'values'].map((name) => variable(`${name}.${layer}`, shape)),
  ).flat();
}

/** Causal attention of one layer: queries, keys and values before their rotation → what the queries gather. */
export type Attend = (q: Tensor, k: Tensor, v: Tensor) => Tensor;

/** A block: x [batch, length, hidden] → the same, with `prefix` naming its parameters. */
export type Block = (x: Tensor, prefix: string, attend: Attend) => Tensor;

/**
 * ids [batch, length] i32, from the beginning, or going on from a cache (then batch is 1) that gets their keys and
 * values. Returns the embedding, then each block's output, the last one after the final norm.
 */
export function decoderForward(
  config: AttentionConfig,
  weights: Weights,
  ids: Tensor,
  block: Block,
  cache?: KeyValueCache,
): Tensor[] {
  const { headSize, ropeTheta: theta, layers } = config;
  const angles = rotaryTable(ids.shape[1]!, { headSize, theta }, cache?.held);
  let x = embedding(ids, weights.get(table), weights.rowScales(table));
  const hidden = [x];
  for (let layer = 0; layer < layers; layer++) {
    x = block(x, `model.layers.${layer}`, (q, k, v) => {
      const turned = { q: rotary(q, angles), k: rotary(k, angles), v };
      if (!cache) return attention(turned, headSize);
      const [keys, values] = cache.tensors.slice(2 * layer);
      const all = { k: appendRows(keys!, turned.k, cache.held), v: appendRows(values!, v, cache.held) };
      return attention({ q: turned.q, ...all }, headSize, cache.held);
    });
    if (layer < layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return hidden;
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
export function decoderHead(config: AttentionConfig, weights: Weights, hidden: Tensor): Tensor {
  const name = config.tieWordEmbeddings ? table : 'lm_head.weight';
  return linear(hidden, weights.get(name), weights.rowScales(name));
}

/**
 * Every parameter under its Hugging Face name. `projections` are ternary or dense; `subNorms` adds BitNet's norms
 * before the projections that write to the residual stream.
 */
export function decoderParameters(
  config: AttentionConfig,
  { projections, subNorms }: { readonly projections: 'ternary' | 'matrix'; readonly subNorms: boolean },
): ParameterSpec[] {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers: L } = config;
  const [Q, K] = [config.heads * config.headSize, config.keyHeads * config.headSize];
  const { normal, residual } = deviations(config);
  const norm = (name: string, width: number): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [width],
    role: 'vector',
    init: { constant: 1 },
  });
  const projection = (name: string, out: number, width: number, init = normal): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [out, width],
    role: projections,
    init,
  });
  const layer = (prefix: string): ParameterSpec[] => [
    norm(`${prefix}.input_layernorm`, H),
    projection(`${prefix}.self_attn.q_proj`, Q, H),
    projection(`${prefix}.self_attn.k_proj`, K, H),
    projection(`${prefix}.self_attn.v_proj`, K, H),
    ...(subNorms ? [norm(`${prefix}.self_attn.attn_sub_norm`, H)] : []),
    projection(`${prefix}.self_attn.o_proj`, H, Q, residual),
    norm(`${prefix}.post_attention_layernorm`, H),
    projection(`${prefix}.mlp.gate_proj`, I, H),
    projection(`${prefix}.mlp.up_proj`, I, H),
    ...(subNorms ? [norm(`${prefix}.mlp.ffn_sub_norm`, I)] : []),
    projection(`${prefix}.mlp.down_proj`, H, I, residual),
  ];
  const head: ParameterSpec = { name: 'lm_head.weight', shape: [V, H], role: 'matrix', init: normal };
  return [
    { name: table, shape: [V, H], role: 'embedding', init: normal },
    ...Array.from({ length: L }, (_, i) => layer(`model.layers.${i}`)).flat(),
    norm('model.norm', H),
    ...(config.tieWordEmbeddings ? [] : [head]),
  ];
}
