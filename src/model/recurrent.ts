/**
 * The parts that the MatMul-free models share: embedding, blocks of a token mixer and a gated linear unit, and a
 * head. Their token mixers, which have a state of fixed size, are in matmulFree.ts and rwkv.ts.
 */
import { add } from '../ops/add/add.ts';
import { bitLinear } from '../ops/bitLinear/bitLinear.ts';
import { epsilon } from '../ops/bitLinear/reference.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import { swiglu } from '../ops/swiglu/swiglu.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Forward } from './architecture.ts';
import type { RecurrentConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';
import { lookUp, product } from './project.ts';
import type { Weights } from './weights.ts';

/** A block: x [.., hidden] → the same, and the layer's next states. */
export type RecurrentBlock = (
  x: Tensor,
  layer: number,
) => { readonly x: Tensor; readonly next: readonly Tensor[] };

/** Embeds ids [batch, length] i32 and applies all blocks. */
export function throughBlocks(
  config: RecurrentConfig,
  weights: Weights,
  ids: Tensor,
  block: RecurrentBlock,
): Forward {
  let x = lookUp(ids, weights, 'model.embeddings.weight');
  const hidden = [x];
  const states: Tensor[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const { x: y, next } = block(x, layer);
    x = y;
    states.push(...next);
    if (layer < config.layers - 1) hidden.push(x);
  }
  hidden.push(rmsNorm(x, weights.get('model.norm.weight'), config.rmsNormEps));
  return { hidden, states };
}

/** Access to the parameters of a layer, and its norms and projections as functions. */
export function layerOf({ rmsNormEps }: RecurrentConfig, weights: Weights, layer: number) {
  const prefix = `model.layers.${layer}`;
  return {
    get: (name: string) => weights.get(`${prefix}.${name}`),
    norm: (name: string, x: Tensor) => rmsNorm(x, weights.get(`${prefix}.${name}.weight`), rmsNormEps),
    project: (name: string, x: Tensor) => normedProjection(x, weights, `${prefix}.${name}_proj`),
  };
}

/** A projection with the norm of its input: BitLinear, or the same without rounding where the matrix is of floats. */
function normedProjection(x: Tensor, weights: Weights, prefix: string): Tensor {
  const matrix = weights.matrix(`${prefix}.weight`);
  const norm = weights.get(`${prefix}.norm.weight`);
  return matrix.form === 'ternary'
    ? bitLinear(x, { ...matrix, norm })
    : product(rmsNorm(x, norm, epsilon), matrix);
}

/** The channel mixer of every block: x + W_down (SiLU(g) ⊙ u) with [g, u] = W_gate RMSNorm(x). */
export function addGatedLinearUnit({ norm, project }: ReturnType<typeof layerOf>, x: Tensor): Tensor {
  return add(x, project('mlp.down', swiglu(project('mlp.gate', norm('mlp_norm', x)))));
}

/** Logits [batch, length, vocabulary] of hidden states after the final norm. */
export function recurrentHead(weights: Weights, hidden: Tensor): Tensor {
  return normedProjection(hidden, weights, 'lm_head');
}

/**
 * Every parameter under its Hugging Face name.
 * @param mixer returns the parameters of a layer's token mixer, named with the given prefix
 * @param shared parameters shared by all layers
 */
export function recurrentParameters(
  config: RecurrentConfig,
  mixer: (prefix: string, layer: number) => readonly ParameterSpec[],
  shared: readonly ParameterSpec[] = [],
): ParameterSpec[] {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers } = config;
  const { normal, residual } = deviations(config);
  const one = { constant: 1 };
  const projection = projectionsOf(config);
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

/** Makes projections of a model: a matrix, ternary unless its weights are floats, and the norm before it. */
export function projectionsOf({ weights }: Pick<RecurrentConfig, 'weights'>) {
  const role = weights === 'float' ? 'matrix' : 'ternary';
  return (prefix: string, out: number, width: number, init: Init): ParameterSpec[] => [
    vector(`${prefix}.norm.weight`, [width], { constant: 1 }),
    { name: `${prefix}.weight`, shape: [out, width], role, init },
  ];
}
