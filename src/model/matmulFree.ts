/**
 * The MatMul-free language model of Zhu et al. (2024, arXiv 2406.02528): ternary BitLinear projections, the
 * MLGRU as token mixer, a gated linear unit as channel mixer. The released form is what the published
 * checkpoints run on; the paper's form has biases, a sigmoid output gate and no lower bounds.
 */
import { add } from '../ops/add/add.ts';
import { gatedNorm } from '../ops/gatedNorm/gatedNorm.ts';
import { lowerBounds } from '../ops/lowerBounds/lowerBounds.ts';
import { mlgru } from '../ops/mlgru/mlgru.ts';
import { batch } from '../ops/sequences.ts';
import { sigmoidGate } from '../ops/sigmoidGate/sigmoidGate.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { Forward, RecurrentArchitecture, StateLayout } from './architecture.ts';
import type { MatMulFreeConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import {
  addGatedLinearUnit,
  layerOf,
  projectionsOf,
  recurrentHead,
  recurrentParameters,
  throughBlocks,
  vector,
} from './recurrent.ts';
import type { Weights } from './weights.ts';

/** Every parameter under its Hugging Face name. */
function matmulFreeParameters(config: MatMulFreeConfig): ParameterSpec[] {
  const { hiddenSize: H, layers: L } = config;
  const { normal, residual } = deviations(config);
  const zero = { constant: 0 };
  const projection = projectionsOf(config);
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

/** One recurrent state [count, hidden] per layer: the whole memory of a conversation. */
function matmulFreeStates(config: MatMulFreeConfig, count: number): Tensor[] {
  return Array.from({ length: config.layers }, (_, i) => variable(`state.${i}`, [count, config.hiddenSize]));
}

export function matmulFree(config: MatMulFreeConfig): RecurrentArchitecture {
  return {
    memory: 'states',
    parameters: () => matmulFreeParameters(config),
    states: (count) => matmulFreeStates(config, count),
    forward: (weights, ids, layout) => matmulFreeForward(config, weights, ids, layout),
    head: recurrentHead,
  };
}

function matmulFreeForward(
  config: MatMulFreeConfig,
  weights: Weights,
  ids: Tensor,
  layout: StateLayout = batch,
): Forward {
  const block = config.variant === 'paper' ? paperBlock : releasedBlock;
  const bounds = config.useLowerBound ? lowerBounds(weights.get('model.lower_bounds')) : undefined;
  return throughBlocks(config, weights, ids, (x, layer) => {
    const state = layout.states?.[layer];
    // The first layer's bound is 0 by construction.
    const recurrence = { layout, state, bounds: layer > 0 ? bounds : undefined, layer };
    return block(x, layerOf(config, weights, layer), recurrence, config);
  });
}

type Layer = ReturnType<typeof layerOf>;
type Recurrence = Parameters<typeof mlgru>[2];

/** x + W_o (RMSNorm(W_g a) ⊙ SiLU(MLGRU(W_i a, W_f a; lower bound))) with a = RMSNorm(x); then the GLU */
function releasedBlock(x: Tensor, layer: Layer, recurrence: Recurrence, { rmsNormEps }: MatMulFreeConfig) {
  const { get, norm, project } = layer;
  const a = norm('attn_norm', x);
  const g = project('attn.g', a);
  const { h, next } = mlgru(project('attn.i', a), project('attn.f', a), recurrence);
  const gated = gatedNorm(g, h, get('attn.g_norm.weight'), rmsNormEps);
  const y = add(x, project('attn.o', gated));
  return { x: addGatedLinearUnit(layer, y), next: [next] };
}

/** x + W_o (σ(W_g a + b_g) ⊙ MLGRU(W_c a + b_c, W_f a + b_f)) + b_o with a = RMSNorm(x); then the GLU */
function paperBlock(x: Tensor, layer: Layer, recurrence: Recurrence) {
  const { get, norm, project } = layer;
  const biased = (gate: string, a: Tensor) => add(project(`attn.${gate}`, a), get(`attn.${gate}_proj.bias`));
  const a = norm('attn_norm', x);
  const gates = [biased('i', a), biased('f', a)] as const;
  const { h, next } = mlgru(...gates, { ...recurrence, bounds: undefined });
  const y = add(x, biased('o', sigmoidGate(biased('g', a), h)));
  return { x: addGatedLinearUnit(layer, y), next: [next] };
}
