/**
 * The MatMul-free language model of Zhu et al. (2024, arXiv 2406.02528): ternary BitLinear projections, the
 * MLGRU as token mixer, a gated linear unit as channel mixer. The released form is what the published
 * checkpoints run on; the paper's form has biases, a sigmoid output gate and no lower bounds.
 */
import { add } from '../ops/add/add.ts';
import { bitLinear } from '../ops/bitLinear/bitLinear.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { gatedNorm } from '../ops/gatedNorm/gatedNorm.ts';
import { lowerBounds } from '../ops/lowerBounds/lowerBounds.ts';
import { mlgru } from '../ops/mlgru/mlgru.ts';
import { mlgruSlots } from '../ops/mlgruSlots/mlgruSlots.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { sigmoidGate } from '../ops/sigmoidGate/sigmoidGate.ts';
import { swiglu } from '../ops/swiglu/swiglu.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { MatMulFreeConfig } from './config.ts';
import type { ParameterSpec } from './parameters.ts';
import type { Weights } from './weights.ts';

/** Every parameter under its Hugging Face name. */
export function matmulFreeParameters(config: MatMulFreeConfig): ParameterSpec[] {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers: L, initializerRange } = config;
  const one = { constant: 1 };
  const zero = { constant: 0 };
  const normal = { normal: initializerRange };
  // Projections that write to the residual stream start smaller, as its variance grows with each of the 2L.
  const residual = { normal: initializerRange / Math.sqrt(2 * L) };
  const vector = (name: string, shape: number[], init: ParameterSpec['init']) =>
    ({ name, shape, role: 'vector', init }) as const;
  const projection = (
    prefix: string,
    out: number,
    width: number,
    init: ParameterSpec['init'],
  ): ParameterSpec[] => [
    vector(`${prefix}.norm.weight`, [width], one),
    { name: `${prefix}.weight`, shape: [out, width], role: 'ternary', init },
  ];
  const layer = (prefix: string): ParameterSpec[] => [
    vector(`${prefix}.attn_norm.weight`, [H], one),
    ...['i', 'f', 'g'].flatMap((gate) => projection(`${prefix}.attn.${gate}_proj`, H, H, normal)),
    ...projection(`${prefix}.attn.o_proj`, H, H, residual),
    ...(config.variant === 'paper'
      ? ['i', 'f', 'g', 'o'].map((gate) => vector(`${prefix}.attn.${gate}_proj.bias`, [H], zero))
      : [vector(`${prefix}.attn.g_norm.weight`, [H], one)]),
    vector(`${prefix}.mlp_norm.weight`, [H], one),
    ...projection(`${prefix}.mlp.gate_proj`, 2 * I, H, normal),
    ...projection(`${prefix}.mlp.down_proj`, H, I, residual),
  ];
  return [
    { name: 'model.embeddings.weight', shape: [V, H], role: 'embedding', init: normal },
    ...(config.useLowerBound ? [vector('model.lower_bounds', [L, H], zero)] : []),
    ...Array.from({ length: L }, (_, i) => layer(`model.layers.${i}`)).flat(),
    vector('model.norm.weight', [H], one),
    ...projection('lm_head', V, H, normal),
  ];
}

/** One recurrent state [batch, hidden] for each layer: all that a conversation needs to be remembered. */
export function matmulFreeStates(config: MatMulFreeConfig, batch: number): Tensor[] {
  return Array.from({ length: config.layers }, (_, i) => variable(`state.${i}`, [batch, config.hiddenSize]));
}

export interface Forward {
  /** The embedding, then each block's output; the last one after the final norm: [batch, length, hidden]. */
  readonly hidden: readonly Tensor[];
  /** Each layer's state after the last token [batch, hidden]. */
  readonly states: readonly Tensor[];
}

/** ids [batch, length] i32, from the given states or from zeros. */
export function matmulFreeForward(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  states?: readonly Tensor[],
): Forward {
  return forwardThrough(config, weights, ids, (i, f, bounds, layer) =>
    mlgru(i, f, states?.[layer], bounds, layer),
  );
}

/**
 * ids [1, rows] i32, tokens of many sequences: row r goes on from slot r of `slots` [rows] i32 in each layer's
 * states [count, hidden]. Rows of one slot stand together. The states that it returns are those of all slots.
 */
export function matmulFreeForwardSlots(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  slots: Tensor,
  states: readonly Tensor[],
): Forward {
  return forwardThrough(config, weights, ids, (i, f, bounds, layer) => {
    const { h, next } = mlgruSlots(i, f, slots, states[layer]!, bounds, layer);
    return { h, last: next };
  });
}

/** The recurrence of one layer, from its gates before their activations: all that ties a token to earlier ones. */
type Recurrence = (
  i: Tensor,
  f: Tensor,
  bounds: Tensor | undefined,
  layer: number,
) => { readonly h: Tensor; readonly last: Tensor };

function forwardThrough(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  recurrence: Recurrence,
): Forward {
  const table = 'model.embeddings.weight';
  let x = embedding(ids, weights.get(table), weights.rowScales(table));
  const bounds = config.useLowerBound ? lowerBounds(weights.get('model.lower_bounds')) : undefined;
  const hidden = [x];
  const lastStates: Tensor[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const block = matmulFreeBlock(config, weights, x, { layer, bounds, recurrence });
    x = block.x;
    lastStates.push(block.state);
    if (layer < config.layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return { hidden, states: lastStates };
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
export function matmulFreeHead(weights: Weights, hidden: Tensor): Tensor {
  return bitLinear(hidden, weights.bitLinear('lm_head'));
}

interface Layer {
  readonly layer: number;
  readonly bounds: Tensor | undefined;
  readonly recurrence: Recurrence;
}

/** x + MLGRU(RMSNorm(x)), then x + GLU(RMSNorm(x)) */
function matmulFreeBlock(config: MatMulFreeConfig, weights: Weights, x: Tensor, at: Layer) {
  const prefix = `model.layers.${at.layer}`;
  const mix = config.variant === 'paper' ? paperMixer : releasedMixer;
  const mixed = mix(
    config,
    weights,
    rmsNorm(x, weights.get(`${prefix}.attn_norm.weight`), config.rmsNormEps),
    at,
  );
  const y = add(x, mixed.out);
  const a = rmsNorm(y, weights.get(`${prefix}.mlp_norm.weight`), config.rmsNormEps);
  const glu = swiglu(bitLinear(a, weights.bitLinear(`${prefix}.mlp.gate_proj`)));
  return { x: add(y, bitLinear(glu, weights.bitLinear(`${prefix}.mlp.down_proj`))), state: mixed.state };
}

/** h = MLGRU(i, f; lower bound), out = o_proj(RMSNorm(g) ⊙ SiLU(h)) */
function releasedMixer(
  config: MatMulFreeConfig,
  weights: Weights,
  a: Tensor,
  { layer, bounds, recurrence }: Layer,
) {
  const attn = `model.layers.${layer}.attn`;
  const project = (gate: string, x: Tensor) => bitLinear(x, weights.bitLinear(`${attn}.${gate}_proj`));
  // The first layer's bound is 0 by construction.
  const { h, last } = recurrence(project('i', a), project('f', a), layer > 0 ? bounds : undefined, layer);
  const gated = gatedNorm(project('g', a), h, weights.get(`${attn}.g_norm.weight`), config.rmsNormEps);
  return { out: project('o', gated), state: last };
}

/** h = MLGRU(W_c x + b_c, W_f x + b_f), out = W_o (σ(W_g x + b_g) ⊙ h) + b_o */
function paperMixer(_: MatMulFreeConfig, weights: Weights, a: Tensor, { layer, recurrence }: Layer) {
  const attn = `model.layers.${layer}.attn`;
  const project = (gate: string, x: Tensor) =>
    add(bitLinear(x, weights.bitLinear(`${attn}.${gate}_proj`)), weights.get(`${attn}.${gate}_proj.bias`));
  const { h, last } = recurrence(project('i', a), project('f', a), undefined, layer);
  return { out: project('o', sigmoidGate(project('g', a), h)), state: last };
}
