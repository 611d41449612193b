/**
 * The parts that Transformer++ and BitNet share: embedding, rotary positions, attention with or without a cache of keys
 * and values, and head. Their blocks are in transformer.ts and bitnet.ts.
 */
import { appendRows } from '../ops/appendRows/appendRows.ts';
import { attention } from '../ops/attention/attention.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { linear } from '../ops/linear/linear.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { rotary, rotaryTable } from '../ops/rotary/rotary.ts';
import { sizeOf } from '../program/shapes.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { AttentionArchitecture, Forward, KeyValueCache } from './architecture.ts';
import type { AttentionConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import type { Weights } from './weights.ts';

const table = 'model.embed_tokens.weight';

/** Tensors for the keys and values of `capacity` tokens. */
function decoderCache(config: AttentionConfig, capacity: number): Tensor[] {
  const shape = [1, capacity, config.keyHeads * config.headSize];
  return Array.from({ length: config.layers }, (_, layer) =>
    ['keys', 'values'].map((name) => variable(`${name}.${layer}`, shape)),
  ).flat();
}

/** Shared by all blocks of a decoder in one program. */
export interface DecoderContext {
  readonly config: AttentionConfig;
  readonly weights: Weights;
  /** Cosines and sines of the positions. */
  readonly angles: Tensor;
  readonly cache: KeyValueCache | undefined;
}

/** A block: x [batch, length, hidden] → the same. */
export type DecoderBlock = (x: Tensor, layer: number, context: DecoderContext) => Tensor;

/** Builds an architecture with attention from its block. */
export function decoder(
  config: AttentionConfig,
  form: Parameters<typeof decoderParameters>[1],
  block: DecoderBlock,
): AttentionArchitecture {
  return {
    memory: 'cache',
    contextLength: config.maxPositionEmbeddings,
    parameters: () => decoderParameters(config, form),
    cache: (capacity) => decoderCache(config, capacity),
    forward: (weights, ids, cache) => decoderForward({ config, weights, cache }, ids, block),
    head: (weights, hidden) => decoderHead(config, weights, hidden),
  };
}

function decoderForward(
  { config, weights, cache }: Omit<DecoderContext, 'angles'>,
  ids: Tensor,
  block: DecoderBlock,
): Forward {
  const { headSize, ropeTheta: theta, layers } = config;
  const angles = rotaryTable(sizeOf(ids, 1), { headSize, theta }, cache?.held);
  const context = { config, weights, angles, cache };
  let x = embedding(ids, weights.get(table), weights.rowScales(table));
  const hidden = [x];
  for (let layer = 0; layer < layers; layer++) {
    x = block(x, layer, context);
    if (layer < layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return { hidden, states: [] };
}

/** Rotates queries and keys, appends keys and values to the cache if there is one, and applies causal attention. */
export function attend(
  { q, k, v }: Readonly<Record<'q' | 'k' | 'v', Tensor>>,
  layer: number,
  { config, angles, cache }: DecoderContext,
): Tensor {
  const rotated = { q: rotary(q, angles), k: rotary(k, angles), v };
  if (!cache) return attention(rotated, config.headSize);
  const [keys, values] = cache.tensors.slice(2 * layer, 2 * layer + 2);
  if (!keys || !values) throw new Error(`attention: the cache has no keys and values of layer ${layer}`);
  const all = { k: appendRows(keys, rotated.k, cache.held), v: appendRows(values, v, cache.held) };
  return attention({ q: rotated.q, ...all }, config.headSize, cache.held);
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
function decoderHead(config: AttentionConfig, weights: Weights, hidden: Tensor): Tensor {
  const name = config.tieWordEmbeddings ? table : 'lm_head.weight';
  return linear(hidden, weights.get(name), weights.rowScales(name));
}

/**
 * Every parameter under its Hugging Face name. `projections` are ternary or dense; `subNorms` adds BitNet's norms
 * before the projections that write to the residual stream.
 */
function decoderParameters(
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
