/**
 * MatMul-free RWKV-4 once more, as one would write it down: float64, a token at a time, every sum over the whole
 * past written out. No released code computes this model, so that this is what it is held to.
 */
import type { RwkvConfig } from '../src/model/config.ts';
import { roundHalfEven } from '../src/rounding.ts';

type Vector = readonly number[];

export interface PlainModel {
  readonly config: RwkvConfig;
  parameter(name: string): Float32Array;
}

export interface PlainForward {
  /** The embedding, then each block's output, the last one after the final norm: of each token. */
  readonly hidden: readonly (readonly Vector[])[];
  readonly logits: readonly Vector[];
  /** Of each layer the last token as the shift sees it, and both sums of the recurrence, not scaled. */
  readonly states: readonly { readonly token: Vector; readonly values: Vector; readonly weights: Vector }[];
}

/** The model over one text, from its beginning. */
export function plainRwkv(model: PlainModel, ids: readonly number[]): PlainForward {
  const { layers, hiddenSize: H, rmsNormEps } = model.config;
  const norm = (name: string, x: Vector) => rmsNorm(x, model.parameter(`${name}.weight`), rmsNormEps);
  const table = model.parameter('model.embeddings.weight');
  let x: readonly Vector[] = ids.map((id) => [...table.subarray(id * H, (id + 1) * H)]);
  const hidden = [x];
  const states: PlainForward['states'][number][] = [];
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const mixed = timeMixing(
      model,
      prefix,
      x.map((row) => norm(`${prefix}.attn_norm`, row)),
    );
    states.push(mixed.state);
    x = x.map((row, t) => {
      const y = sum(row, mixed.out[t]!);
      const both = bitLinear(model, `${prefix}.mlp.gate_proj`, norm(`${prefix}.mlp_norm`, y));
      const [gate, up] = [both.slice(0, both.length / 2), both.slice(both.length / 2)];
      const glu = gate.map((value, i) => value * sigmoid(value) * up[i]!);
      return sum(y, bitLinear(model, `${prefix}.mlp.down_proj`, glu));
    });
    hidden.push(x);
  }
  hidden[layers] = x.map((row) => norm('model.norm', row));
  return { hidden, states, logits: hidden[layers]!.map((row) => bitLinear(model, 'lm_head', row)) };
}

/** o_t = W_o (σ(r_t) ⊙ wkv_t), r, k and v from each token and the one before it. */
function timeMixing(model: PlainModel, prefix: string, a: readonly Vector[]) {
  const attn = `${prefix}.attn`;
  const gate = (name: string) =>
    a.map((row, t) => {
      const mix = model.parameter(`${attn}.time_mix_${name}`);
      const mixed = row.map((value, c) => mix[c]! * value + (1 - mix[c]!) * (a[t - 1]?.[c] ?? 0));
      return bitLinear(model, `${attn}.${name}_proj`, mixed);
    });
  const [r, k, v] = [gate('r'), gate('k'), gate('v')];
  const decay = [...model.parameter(`${attn}.time_decay`)].map(Math.exp);
  const bonus = model.parameter(`${attn}.time_first`);
  /** Σ over tokens before `end` of e^k, decayed for each token between it and `end`, times v or 1. */
  const past = (end: number, c: number, term: (t: number) => number) => {
    let total = 0;
    for (let t = 0; t < end; t++) total += Math.exp(k[t]![c]! - (end - 1 - t) * decay[c]!) * term(t);
    return total;
  };
  const out = a.map((row, t) => {
    const gated = row.map((_, c) => {
      const own = Math.exp(bonus[c]! + k[t]![c]!);
      const wkv = (past(t, c, (i) => v[i]![c]!) + own * v[t]![c]!) / (past(t, c, () => 1) + own);
      return sigmoid(r[t]![c]!) * wkv;
    });
    return bitLinear(model, `${attn}.o_proj`, gated);
  });
  const state = {
    token: a.at(-1)!,
    values: a[0]!.map((_, c) => past(a.length, c, (i) => v[i]![c]!)),
    weights: a[0]!.map((_, c) => past(a.length, c, () => 1)),
  };
  return { out, state };
}

/** RMSNorm, activations to 8 bits, weights to −1, 0 and 1. */
function bitLinear(model: PlainModel, name: string, x: Vector): number[] {
  const y = rmsNorm(x, model.parameter(`${name}.norm.weight`), 1e-6);
  const scale = 127 / Math.max(...y.map(Math.abs), 1e-5);
  const q = y.map((value) => Math.min(Math.max(roundHalfEven(value * scale), -128), 127));
  const weight = model.parameter(`${name}.weight`);
  const mean = Math.max(weight.reduce((total, value) => total + Math.abs(value), 0) / weight.length, 1e-5);
  return Array.from({ length: weight.length / x.length }, (_, row) => {
    let total = 0;
    for (const [i, value] of q.entries()) {
      const code = Math.min(Math.max(roundHalfEven(weight[row * x.length + i]! / mean), -1), 1);
      total += code * value;
    }
    return (total * mean) / scale;
  });
}

function rmsNorm(x: Vector, gamma: Float32Array, epsilon: number): number[] {
  const squares = x.reduce((total, value) => total + value * value, 0);
  return x.map((value, i) => (value / Math.sqrt(squares / x.length + epsilon)) * gamma[i]!);
}

function sum(a: Vector, b: Vector): number[] {
  return a.map((value, i) => value + b[i]!);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
