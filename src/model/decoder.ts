/**
 * The parts that Transformer++, BitNet and Qwen 3 share: embedding, rotary positions, attention with or without pages of keys
 * and values, and head. Their blocks are in transformer.ts and bitnet.ts.
 */
import { appendToPages } from '../ops/appendToPages/appendToPages.ts';
import { attention } from '../ops/attention/attention.ts';
import { fakeQuantiseGroups } from '../ops/fakeQuantise/fakeQuantise.ts';
import { pagedAttention } from '../ops/pagedAttention/pagedAttention.ts';
import { type PageType, pageSize, poolWidth } from '../ops/pages.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { rotary, rotaryTable } from '../ops/rotary/rotary.ts';
import { sizeOf } from '../program/shapes.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { AttentionArchitecture, Forward, KeyValuePages, KvCacheType } from './architecture.ts';
import type { DecoderConfig } from './config.ts';
import { decoderParameters, embeddingModule as table } from './decoderParameters.ts';
import { lookUp, project } from './project.ts';
import { rotationOf } from './rope.ts';
import type { Weights } from './weights.ts';

/** Keys, then values, of each layer, in so many pages. */
function keysAndValues(config: DecoderConfig, pages: number, kvCacheType: KvCacheType): Tensor[] {
  const type: PageType = kvCacheType === 'int8' ? 'i8' : kvCacheType;
  const shape = [pages, pageSize, poolWidth(type, config.keyHeads, config.headSize)];
  return Array.from({ length: config.layers }, (_, layer) =>
    ['keys', 'values'].map((name) => variable(`${name}.${layer}`, shape, type)),
  ).flat();
}

/** Shared by all blocks of a decoder in one program. */
export interface DecoderContext {
  readonly config: DecoderConfig;
  readonly weights: Weights;
  /** Cosines and sines of the positions. */
  readonly angles: Tensor;
  readonly pages: KeyValuePages | undefined;
}

/** A block: x [batch, length, hidden] → the same. */
export type DecoderBlock = (x: Tensor, layer: number, context: DecoderContext) => Tensor;

/** Builds an architecture with attention from its block. */
export function decoder(
  config: DecoderConfig,
  block: DecoderBlock,
  kvCacheType: KvCacheType = 'f32',
): AttentionArchitecture {
  return {
    memory: 'cache',
    contextLength: config.maxPositionEmbeddings,
    parameters: () => decoderParameters(config),
    pools: (pages) => keysAndValues(config, pages, kvCacheType),
    forward: (weights, ids, pages) => decoderForward({ config, weights, pages }, ids, block),
    head: (weights, hidden) => decoderHead(config, weights, hidden),
  };
}

function decoderForward(
  { config, weights, pages }: Omit<DecoderContext, 'angles'>,
  ids: Tensor,
  block: DecoderBlock,
): Forward {
  const { headSize, rope, layers } = config;
  const angles = rotaryTable(sizeOf(ids, 1), rotationOf(rope, headSize), pages?.paging.positions);
  const context = { config, weights, angles, pages };
  let x = lookUp(ids, weights, `${table}.weight`);
  const hidden = [x];
  for (let layer = 0; layer < layers; layer++) {
    x = block(x, layer, context);
    if (layer < layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return { hidden, states: [] };
}

/** The norms and projections of a layer as functions. */
export function decoderLayer(layer: number, { config, weights }: DecoderContext) {
  const prefix = `model.layers.${layer}`;
  return {
    norm: (name: string, x: Tensor) => rmsNorm(x, weights.get(`${prefix}.${name}.weight`), config.rmsNormEps),
    project: (name: string, x: Tensor) => projection(x, `${prefix}.${name}_proj`, { config, weights }),
  };
}

/** A projection, with the norm of its input where ternary ones have one. */
function projection(
  x: Tensor,
  prefix: string,
  { config: { projections }, weights }: Pick<DecoderContext, 'config' | 'weights'>,
): Tensor {
  const norm = `${prefix}.rms_norm.weight`;
  if (projections.kind === 'float' || projections.normEpsilon === null || !weights.has(norm)) {
    return project(x, weights, prefix);
  }
  return project(rmsNorm(x, weights.get(norm), projections.normEpsilon), weights, prefix);
}

/**
 * Normalises the heads of queries and keys if the model does that, rotates them, rounds them if its scores are ternary,
 * appends keys and values to the pages if there are any, and applies causal attention.
 */
export function attend(
  { q, k, v }: Readonly<Record<'q' | 'k' | 'v', Tensor>>,
  layer: number,
  context: DecoderContext,
): Tensor {
  const { config, angles, pages } = context;
  const { norm } = decoderLayer(layer, context);
  const turned = (name: string, x: Tensor) => {
    const y = rotary(config.queryKeyNorm ? norm(`self_attn.${name}_norm`, x) : x, angles);
    return config.scores === 'ternary' ? fakeQuantiseGroups(y, config.headSize) : y;
  };
  const rotated = { q: turned('q', q), k: turned('k', k), v };
  const { headSize } = config;
  if (!pages) return attention(rotated, headSize);
  const { paging, tensors } = pages;
  const [keys, values] = tensors.slice(2 * layer, 2 * layer + 2);
  if (!keys || !values)
    throw new Error(`attention: there are no pages for keys and values of layer ${layer}`);
  const pools = {
    k: appendToPages(keys, rotated.k, headSize, paging),
    v: appendToPages(values, v, headSize, paging),
  };
  return pagedAttention({ q: rotated.q, ...pools }, headSize, paging);
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
function decoderHead(config: DecoderConfig, weights: Weights, hidden: Tensor): Tensor {
  return config.tieWordEmbeddings
    ? project(hidden, weights, table)
    : projection(hidden, 'lm_head', { config, weights });
}
