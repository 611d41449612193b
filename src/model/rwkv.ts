/**
 * MatMul-free RWKV-4, the other token mixer with which Zhu et al. (2024, arXiv 2406.02528, table 1) trained their
 * model: RWKV-4's time mixing (Peng et al. 2023, arXiv 2305.13048) with ternary BitLinear projections, in the blocks
 * of matmulFree.ts. The authors removed their code of it from their repository; docs/rwkv.md lists the open choices and
 * the ones made here.
 */
import { add } from '../ops/add/add.ts';
import { lastToken } from '../ops/lastToken/lastToken.ts';
import { batch } from '../ops/sequences.ts';
import { sigmoidGate } from '../ops/sigmoidGate/sigmoidGate.ts';
import { tokenShift } from '../ops/tokenShift/tokenShift.ts';
import { stateRows, wkv } from '../ops/wkv/wkv.ts';
import { type Tensor, variable } from '../program/tensor.ts';
import type { RecurrentArchitecture, StateLayout } from './architecture.ts';
import type { RwkvConfig } from './config.ts';
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

const gates = ['r', 'k', 'v'] as const;
type Gate = (typeof gates)[number];

/** Every parameter. Time mixing is initialised as in RWKV-4. */
function rwkvParameters(config: RwkvConfig): ParameterSpec[] {
  const { hiddenSize: H } = config;
  const { normal, residual } = deviations(config);
  const projection = projectionsOf(config);
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
 * Initial values of each channel (Peng et al. 2023, appendix on initialisation). From the first channel to the last,
 * memories go from long to short; lower layers have more short ones. Low layers mix the earlier and the later token,
 * high layers mostly use the later. The bonus is about 0.3 and differs between neighbouring channels.
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

/** Per layer: the last token, for the shift, and the state of the WKV recurrence. Independent of the text's length. */
function rwkvStates({ layers, hiddenSize: H }: RwkvConfig, count: number): Tensor[] {
  return Array.from({ length: layers }, (_, i) => [
    variable(`token.${i}`, [count, 1, H]),
    variable(`wkv.${i}`, [count, stateRows * H]),
  ]).flat();
}

export function rwkv(config: RwkvConfig): RecurrentArchitecture {
  return {
    memory: 'states',
    parameters: () => rwkvParameters(config),
    states: (count) => rwkvStates(config, count),
    forward: (weights, ids, layout = batch) =>
      throughBlocks(config, weights, ids, (x, layer) =>
        rwkvBlock(x, layerOf(config, weights, layer), layout, layer),
      ),
    head: recurrentHead,
  };
}

/** x + W_o (σ(W_r shift_r(a)) ⊙ WKV(W_k shift_k(a), W_v shift_v(a))) with a = RMSNorm(x); then the GLU */
function rwkvBlock(x: Tensor, layer: ReturnType<typeof layerOf>, layout: StateLayout, index: number) {
  const { get, norm, project } = layer;
  const [before, state] = layout.states?.slice(2 * index, 2 * index + 2) ?? [];
  const a = norm('attn_norm', x);
  const shifted = (gate: Gate) => tokenShift(a, get(`attn.time_mix_${gate}`), { layout, before });
  const gate = (name: Gate) => project(`attn.${name}`, shifted(name));
  const [r, k, v] = [gate('r'), gate('k'), gate('v')];
  const parameters = { decay: get('attn.time_decay'), bonus: get('attn.time_first') };
  const { y, next } = wkv(k, v, { ...parameters, layout, state });
  const mixed = add(x, project('attn.o', sigmoidGate(r, y)));
  const token = lastToken(a, { layout, before });
  return { x: addGatedLinearUnit(layer, mixed), next: [token, next] };
}
