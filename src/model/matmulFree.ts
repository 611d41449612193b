/**
 * The MatMul-free language model of Zhu et al. (2024, arXiv 2406.02528): ternary BitLinear projections, the
 * MLGRU as token mixer, a gated linear unit as channel mixer. The released form is what the published
 * checkpoints run on; the paper's form has biases, a sigmoid output gate and no lower bounds.
 */
import { add } from '../ops/add/add.ts';
import { bitLinear } from '../ops/bitLinear/bitLinear.ts';
import { gatedNorm } from '../ops/gatedNorm/gatedNorm.ts';
import { lowerBounds } from '../ops/lowerBounds/lowerBounds.ts';
import { mlgru } from '../ops/mlgru/mlgru.ts';
import { batch } from '../ops/sequences.ts';
import { sigmoidGate } from '../ops/sigmoidGate/sigmoidGate.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { MatMulFreeConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import {
  embedTokens,
  type Forward,
  projection,
  recurrentParameters,
  throughBlocks,
  vector,
} from './recurrent.ts';
import type { Weights } from './weights.ts';

/** Every parameter under its Hugging Face name. */
export function matmulFreeParameters(config: MatMulFreeConfig): ParameterSpec[] {
  const { hiddenSize: H, layers: L } = config;
  const { normal, residual } = deviations(config);
  const zero = { constant: 0 };
  const mixer = (attn: string): ParameterSpec[] => [
    ...['i', 'f', 'g'].flatMap((gate) => projection(`${attn}.${gate}_proj`, H, H, normal)),
    ...projection(`${attn}.o_proj`, H, H, residual),
    ...(config.variant === 'paper'
      ? ['i', 'f', 'g', 'o'].map((gate) => vector(`${attn}.${gate}_proj.bias`, [H], zero))
      : [vector(`${attn}.g_norm.weight`, [H], { constant: 1 })]),
  ];
  const bounds = config.useLowerBound ? [vector('model.lower_bounds', [L, H], zero)] : [];
  return recurrentParameters(config, mixer, bounds);
}

/** One recurrent state [batch, hidden] for each layer: all that a conversation needs to be remembered. */
export function matmulFreeStates(config: MatMulFreeConfig, batch: number): Tensor[] {
  return Array.from({ length: config.layers }, (_, i) => variable(`state.${i}`, [batch, config.hiddenSize]));
}

/** ids [batch, length] i32, from the given states or from zeros. */
export function matmulFreeForward(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  states?: readonly Tensor[],
): Forward {
  return forwardThrough(config, weights, ids, (i, f, bounds, layer) =>
    mlgru(i, f, { layout: batch, state: states?.[layer], bounds, layer }),
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
  return forwardThrough(config, weights, ids, (i, f, bounds, layer) =>
    mlgru(i, f, { layout: { kind: 'slots', slots }, state: states[layer], bounds, layer }),
  );
}

/** The recurrence of one layer, from its gates before their activations: all that ties a token to earlier ones. */
type Recurrence = (
  i: Tensor,
  f: Tensor,
  bounds: Tensor | undefined,
  layer: number,
) => { readonly h: Tensor; readonly next: Tensor };

function forwardThrough(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  recurrence: Recurrence,
): Forward {
  const x = embedTokens(weights, ids);
  const bounds = config.useLowerBound ? lowerBounds(weights.get('model.lower_bounds')) : undefined;
  const mix = config.variant === 'paper' ? paperMixer : releasedMixer;
  return throughBlocks(config, weights, x, (a, layer) =>
    mix(config, weights, a, { layer, bounds, recurrence }),
  );
}

interface Layer {
  readonly layer: number;
  readonly bounds: Tensor | undefined;
  readonly recurrence: Recurrence;
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
  const { h, next } = recurrence(project('i', a), project('f', a), layer > 0 ? bounds : undefined, layer);
  const gated = gatedNorm(project('g', a), h, weights.get(`${attn}.g_norm.weight`), config.rmsNormEps);
  return { out: project('o', gated), states: [next] };
}

/** h = MLGRU(W_c x + b_c, W_f x + b_f), out = W_o (σ(W_g x + b_g) ⊙ h) + b_o */
function paperMixer(_: MatMulFreeConfig, weights: Weights, a: Tensor, { layer, recurrence }: Layer) {
  const attn = `model.layers.${layer}.attn`;
  const project = (gate: string, x: Tensor) =>
    add(bitLinear(x, weights.bitLinear(`${attn}.${gate}_proj`)), weights.get(`${attn}.${gate}_proj.bias`));
  const { h, next } = recurrence(project('i', a), project('f', a), undefined, layer);
  return { out: project('o', sigmoidGate(project('g', a), h)), states: [next] };
}
