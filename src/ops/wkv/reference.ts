import type { Data } from '../../program/op.ts';
import type { SequenceSizes } from '../../program/shapes.ts';

/** A column's sums over the tokens so far, both divided by e^max, so that they neither overflow nor vanish. */
interface State {
  /** Σ e^(k − max)·v, decayed */
  readonly values: number;
  /** Σ e^(k − max), decayed; 0 before the first token */
  readonly weights: number;
  /** The largest exponent so far, decayed; −∞ before the first token. */
  readonly max: number;
}

/** Each row of a table of states is three rows: values, weights, maxima. */
function stateAt(table: Data | undefined, row: number, c: number, width: number): State {
  const part = (index: number) => table?.[(3 * row + index) * width + c] ?? 0;
  const weights = part(1);
  return { values: part(0), weights, max: weights === 0 ? Number.NEGATIVE_INFINITY : part(2) };
}

function storeState(table: Data, row: number, c: number, width: number, state: State): void {
  for (const [part, value] of [state.values, state.weights, state.max].entries())
    table[(3 * row + part) * width + c] = value;
}

/** e^a and e^b, both divided by the larger one. */
function shares(a: number, b: number): [number, number] {
  return [Math.exp(a - Math.max(a, b)), Math.exp(b - Math.max(a, b))];
}

/** The sums after one more token, whose exponent is k. */
function include({ values, weights, max }: State, k: number, v: number): State {
  const [old, own] = shares(max, k);
  return { values: old * values + own * v, weights: old * weights + own, max: Math.max(max, k) };
}

/** One token later all weights decay. */
function later(state: State, rate: number): State {
  return { ...state, max: state.max - rate };
}

/** A token of exponent k: its y, and the state after it. */
function step(state: State, k: number, v: number, bonus: number, rate: number): { y: number; next: State } {
  const seen = include(state, bonus + k, v);
  return { y: seen.values / seen.weights, next: include(later(state, rate), k, v) };
}

interface Keyed {
  readonly k: Data;
  readonly v: Data;
  readonly decay: Data;
  readonly bonus: Data;
}

interface Inputs extends Keyed {
  readonly start: Data | undefined;
}

/**
 * y_t = (Σ_{i<t} e^(k_i − (t−1−i)·e^w)·v_i + e^(u + k_t)·v_t) / (the same sum without v), for `decay` w and `bonus` u:
 * a mean of the values so far. Each sum is carried from token to token, times e^(−e^w). `last` receives the state
 * after the last token.
 */
export function wkvReference(inputs: Inputs, sizes: SequenceSizes, y: Data, last: Data): void {
  const { batch, length, width } = sizes;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < width; c++) {
      const rate = Math.exp(inputs.decay[c]!);
      let state = stateAt(inputs.start, n, c, width);
      for (let t = 0; t < length; t++) {
        const at = (n * length + t) * width + c;
        const { y: mean, next } = step(state, inputs.k[at]!, inputs.v[at]!, inputs.bonus[c]!, rate);
        y[at] = mean;
        state = next;
      }
      storeState(last, n, c, width, state);
    }
  }
}

/** Rows of many sequences, in order: row r continues from the state in slot s_r and stores its own there. */
export function wkvSlotsReference(
  inputs: Keyed & { readonly slots: Data },
  width: number,
  states: Data,
  y: Data,
): void {
  for (let row = 0; row < inputs.slots.length; row++) {
    const slot = inputs.slots[row]!;
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      const rate = Math.exp(inputs.decay[c]!);
      const state = stateAt(states, slot, c, width);
      const { y: mean, next } = step(state, inputs.k[at]!, inputs.v[at]!, inputs.bonus[c]!, rate);
      y[at] = mean;
      storeState(states, slot, c, width, next);
    }
  }
}

/**
 * Backwards through the same steps. The gradients of both sums, scaled by e^max, are carried from token to token like
 * the sums. The maximum is a scale that cancels in every y; the caller's own gradient of it (`excess`) is the gradient of
 * the exponent that set it: the token's k, or the older maximum less the rate. Adds to dDecay and dBonus.
 */
export function wkvBackwardReference(
  inputs: Inputs,
  sizes: SequenceSizes,
  upstream: { dy: Data | undefined; dLast: Data | undefined },
  out: { dk: Data; dv: Data; dDecay: Data; dBonus: Data; dStart: Data },
): void {
  const { batch, length, width } = sizes;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < width; c++) {
      const rate = Math.exp(inputs.decay[c]!);
      const states = [stateAt(inputs.start, n, c, width)];
      for (let t = 0; t < length; t++) {
        const at = (n * length + t) * width + c;
        states.push(include(later(states[t]!, rate), inputs.k[at]!, inputs.v[at]!));
      }
      const dLast = (part: number) => upstream.dLast?.[(3 * n + part) * width + c] ?? 0;
      let [dValues, dWeights] = [dLast(0), dLast(1)];
      let excess = dLast(2) - states[length]!.values * dValues - states[length]!.weights * dWeights;
      for (let t = length - 1; t >= 0; t--) {
        const at = (n * length + t) * width + c;
        const [k, v] = [inputs.k[at]!, inputs.v[at]!];
        const { values, weights, max } = states[t]!;
        // Shares in the next state, and in y.
        const [old, own] = shares(max - rate, k);
        const [seenOld, seenOwn] = shares(max, inputs.bonus[c]! + k);
        const below = seenOld * weights + seenOwn;
        const y = (seenOld * values + seenOwn * v) / below;
        const d = (upstream.dy?.[at] ?? 0) / below;
        const isOlder = max - rate >= k;
        const dMax = old * (values * dValues + weights * dWeights) + (isOlder ? excess : 0);
        const dOwn = seenOwn * (v - y) * d;
        out.dv[at] = own * dValues + seenOwn * d;
        out.dk[at] = own * (v * dValues + dWeights) + dOwn + (isOlder ? 0 : excess);
        out.dBonus[c]! += dOwn;
        out.dDecay[c]! -= rate * dMax;
        dValues = old * dValues + seenOld * d;
        dWeights = old * dWeights - seenOld * y * d;
        if (!isOlder) excess = 0;
      }
      const { values, weights } = states[0]!;
      const dStart = [dValues, dWeights, values * dValues + weights * dWeights + excess];
      for (const [part, value] of dStart.entries()) out.dStart[(3 * n + part) * width + c] = value;
    }
  }
}
