/**
 * MatMul-free RWKV-4, the other token mixer with which Zhu et al. (2024, arXiv 2406.02528, table 1) trained their
 * model: RWKV-4's time mixing (Peng et al. 2023, arXiv 2305.13048) with ternary BitLinear projections, in the blocks
 * of matmulFree.ts. Its code was not released; docs/rwkv.md says what was open and what is done here.
 */
import { bitLinear } from '../ops/bitLinear/bitLinear.ts';
import { lastToken } from '../ops/lastToken/lastToken.ts';
import { batch } from '../ops/sequences.ts';
import { sigmoidGate } from '../ops/sigmoidGate/sigmoidGate.ts';
import { tokenShift } from '../ops/tokenShift/tokenShift.ts';
import { stateRows, wkv } from '../ops/wkv/wkv.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { RwkvConfig } from './config.ts';
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

const gates = ['r', 'k', 'v'] as const;

/** Every parameter; those of the time mixing start as RWKV-4's do. */
export function rwkvParameters(config: RwkvConfig): ParameterSpec[] {
  const { hiddenSize: H } = config;
  const { normal, residual } = deviations(config);
  return recurrentParameters(config, (attn, layer) => {
    const start = timeMixingStart(config, layer);
    return [
      ...gates.map((gate) => vector(`${attn}.time_mix_${gate}`, [H], { each: start.mix[gate] })),
      vector(`${attn}.time_decay`, [H], { each: start.decay }),
      vector(`${attn}.time_first`, [H], { each: start.bonus }),
      ...gates.flatMap((gate) => projection(`${attn}.${gate}_proj`, H, H, normal)),
      ...projection(`${attn}.o_proj`, H, H, residual),
    ];
  });
}

/**
 * Where each channel begins, from the first to the last one (Peng et al. 2023, appendix on initialisation): from long
 * to short memories, the more of them short the lower the layer; from the earlier token to the later one in low
 * layers, to the later one alone in high ones; a bonus about 0.3 that differs between neighbours.
 */
function timeMixingStart({ hiddenSize: H, layers }: RwkvConfig, layer: number) {
  const height = layer / Math.max(layers - 1, 1);
  const depth = 1 - layer / layers;
  return {
    mix: {
      r: (c: number) => (c / H) ** (0.5 * depth),
      k: (c: number) => (c / H) ** depth,
      v: (c: number) => (c / H) ** depth + 0.3 * height,
    },
    decay: (c: number) => -5 + 8 * (c / Math.max(H - 1, 1)) ** (0.7 + 1.3 * height),
    bonus: (c: number) => Math.log(0.3) + 0.5 * (((c + 1) % 3) - 1),
  };
}

/** Of each layer the last token, for the shift, and the state of the WKV recurrence: whatever a text's length. */
export function rwkvStates({ layers, hiddenSize: H }: RwkvConfig, batch: number): Tensor[] {
  return Array.from({ length: layers }, (_, i) => [
    variable(`token.${i}`, [batch, 1, H]),
    variable(`wkv.${i}`, [batch, stateRows * H]),
  ]).flat();
}

/** ids [batch, length] i32, from the given states or from nothing. */
export function rwkvForward(
  config: RwkvConfig,
  weights: Weights,
  ids: Tensor,
  states?: readonly Tensor[],
): Forward {
  return throughBlocks(config, weights, embedTokens(weights, ids), (a, layer) =>
    timeMixing(weights, a, layer, states?.slice(2 * layer, 2 * layer + 2)),
  );
}

/** out = W_o (σ(W_r shift_r(a)) ⊙ WKV(W_k shift_k(a), W_v shift_v(a))) */
function timeMixing(weights: Weights, a: Tensor, layer: number, [token, state]: readonly Tensor[] = []) {
  const attn = `model.layers.${layer}.attn`;
  const shift = (gate: string) =>
    tokenShift(a, weights.get(`${attn}.time_mix_${gate}`), { layout: batch, before: token });
  const project = (gate: string, x: Tensor) => bitLinear(x, weights.bitLinear(`${attn}.${gate}_proj`));
  const [r, k, v] = gates.map((gate) => project(gate, shift(gate)));
  const [decay, bonus] = [weights.get(`${attn}.time_decay`), weights.get(`${attn}.time_first`)];
  const { y, next } = wkv(k!, v!, { decay, bonus, layout: batch, state });
  return { out: project('o', sigmoidGate(r!, y)), states: [lastToken(a, { layout: batch }), next] };
}
