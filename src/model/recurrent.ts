/**
 * What the MatMul-free models share: the embedding, blocks of a token mixer and a gated linear unit, and a ternary
 * head. Their token mixers, which carry a state of fixed size, are their own: see matmulFree.ts and rwkv.ts.
 */
import { add } from '../ops/add/add.ts';
import { bitLinear } from '../ops/bitLinear/bitLinear.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { swiglu } from '../ops/swiglu/swiglu.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RecurrentConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import type { Weights } from './weights.ts';

export interface Forward {
  /** The embedding, then each block's output; the last one after the final norm: [batch, length, hidden]. */
  readonly hidden: readonly Tensor[];
  /** Each layer's states after the last token: [batch, …]. */
  readonly states: readonly Tensor[];
}

/** A layer's token mixer: tokens after their norm [batch, length, hidden] → what they gather, and the next states. */
export type TokenMixer = (
  a: Tensor,
  layer: number,
) => { readonly out: Tensor; readonly states: readonly Tensor[] };

/** ids [batch, length] i32 → [batch, length, hidden] */
export function embedTokens(weights: Weights, ids: Tensor): Tensor {
  const table = 'model.embeddings.weight';
  return embedding(ids, weights.get(table), weights.rowScales(table));
}

/** Embedded tokens x [batch, length, hidden] through all blocks. */
export function throughBlocks(
  config: RecurrentConfig,
  weights: Weights,
  embedded: Tensor,
  mix: TokenMixer,
): Forward {
  let x = embedded;
  const hidden = [x];
  const lastStates: Tensor[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const block = blockOf(config, weights, x, layer, mix);
    x = block.x;
    lastStates.push(...block.states);
    if (layer < config.layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return { hidden, states: lastStates };
}

/** x + mix(RMSNorm(x)), then x + GLU(RMSNorm(x)) */
function blockOf(config: RecurrentConfig, weights: Weights, x: Tensor, layer: number, mix: TokenMixer) {
  const prefix = `model.layers.${layer}`;
  const norm = (name: string, x: Tensor) =>
    rmsNorm(x, weights.get(`${prefix}.${name}.weight`), config.rmsNormEps);
  const project = (name: string, x: Tensor) => bitLinear(x, weights.bitLinear(`${prefix}.mlp.${name}_proj`));
  const { out, states } = mix(norm('attn_norm', x), layer);
  const y = add(x, out);
  return { x: add(y, project('down', swiglu(project('gate', norm('mlp_norm', y))))), states };
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
export function ternaryHead(weights: Weights, hidden: Tensor): Tensor {
  return bitLinear(hidden, weights.bitLinear('lm_head'));
}

/**
 * Every parameter under its Hugging Face name.
 * @param mixer those of a layer's token mixer, under the given prefix
 * @param shared those that all layers share
 */
export function recurrentParameters(
  config: RecurrentConfig,
  mixer: (prefix: string, layer: number) => readonly ParameterSpec[],
  shared: readonly ParameterSpec[] = [],
): ParameterSpec[] {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers } = config;
  const { normal, residual } = deviations(config);
  const one = { constant: 1 };
  const layer = (prefix: string, index: number): ParameterSpec[] => [
    vector(`${prefix}.attn_norm.weight`, [H], one),
    ...mixer(`${prefix}.attn`, index),
    vector(`${prefix}.mlp_norm.weight`, [H], one),
    ...projection(`${prefix}.mlp.gate_proj`, 2 * I, H, normal),
    ...projection(`${prefix}.mlp.down_proj`, H, I, residual),
  ];
  return [
    { name: 'model.embeddings.weight', shape: [V, H], role: 'embedding', init: normal },
    ...shared,
    ...Array.from({ length: layers }, (_, i) => layer(`model.layers.${i}`, i)).flat(),
    vector('model.norm.weight', [H], one),
    ...projection('lm_head', V, H, normal),
  ];
}

type Init = ParameterSpec['init'];

export function vector(name: string, shape: readonly number[], init: Init): ParameterSpec {
  return { name, shape, role: 'vector', init };
}

/** A ternary matrix and the norm before it. */
export function projection(prefix: string, out: number, width: number, init: Init): ParameterSpec[] {
  return [
    vector(`${prefix}.norm.weight`, [width], { constant: 1 }),
    { name: `${prefix}.weight`, shape: [out, width], role: 'ternary', init },
  ];
}
