/** The recurrence in chunks: see chunks.cuda.ts. A chunk's map is a product and a sum, state ↦ P·state + S. */
import {
  type Chunks,
  chunkMaps,
  chunksOf,
  copyOf,
  earlierChunks,
  laterChunks,
  overChunks,
} from '../../kernels/cuda/chunks.cuda.ts';
import type { Launch } from '../../kernels/cuda/launch.ts';
import { overSlots } from '../../kernels/cuda/slots.cuda.ts';
import { columnSums, startSum } from '../../kernels/cuda/sums.cuda.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Units } from '../bitLinear/units.ts';

type Optional = Tensor | undefined;

/** The step of every form; `gate` is σ(x_f). */
export const mlgruStep = `
__device__ inline float forgetGate(float gate, float bound) { return bound + (1.f - bound) * gate; }
__device__ inline float mlgruStep(float state, float f, float x) { return f * state + silu(x) * (1.f - f); }
`;

/** The layer's bound of column c. */
const boundOf = 'const float bound = bounds ? bounds[layer * width + c] : 0.f;';

/** Gates in units are int32 sums of their projections, which are scaled where they are read. */
export interface GateUnits {
  readonly ofI?: Units | undefined;
  readonly ofF?: Units | undefined;
}

/** `gateI(at, row)` and `gateF(at, row)`: the gates at element `at`, in row `row`. */
function gates({ ofI, ofF }: GateUnits): string {
  const gate = (name: string, x: string, units: Units | undefined) =>
    units
      ? `const float scale${name} = ${x}Scale[0];
    auto gate${name} = [&](unsigned at, unsigned row) { return __float_as_int(${x}[at]) * (${x}Step[${x}First + row] * scale${name}); };`
      : `auto gate${name} = [&](unsigned at, unsigned) { return ${x}[at]; };`;
  return `
    ${gate('I', 'xi', ofI)}
    ${gate('F', 'xf', ofF)}`;
}

function unitTensors({ ofI, ofF }: GateUnits): Launch['tensors'] {
  return { xiStep: ofI?.step, xiScale: ofI?.scale, xfStep: ofF?.step, xfScale: ofF?.scale };
}

/** The state after a token, from the state before it and the token's gates `i` and `f`. */
const next = `
        const float kept = forgetGate(sigmoid(f), bound);
        state = mlgruStep(state, kept, i);`;

/** Products and sums of the chunks, and in the backward pass their shares in the gradient of the bounds. */
const mapValues = 3;

/** A launch over chunks whose `body` knows the `bound` of its column. */
function overBounded(
  kernel: string,
  chunks: Chunks,
  tensors: Launch['tensors'],
  { layer, units }: { readonly layer: number; readonly units: GateUnits },
  body: string,
): Launch {
  const launch = overChunks(
    kernel,
    chunks,
    { ...tensors, ...unitTensors(units) },
    { functions: mlgruStep, body: boundOf + gates(units) + body },
    { layer, xiFirst: units.ofI?.first ?? 0, xfFirst: units.ofF?.first ?? 0 },
  );
  return { ...launch, types: { xi: 'float', xf: 'float' } };
}

/** `value` through the map of another chunk. */
const through = (value: string) => `${value} = maps[other] * ${value} + maps[size + other];`;

/** Tokens that a thread reads at once: enough to keep the memory busy while it walks them. */
const tokensAhead = 8;

/**
 * Code for each token of a chunk, in order or from the last one, at element `at` of `row`. What `read` names for each
 * token is there for `tokensAhead` of them before the first is walked; past the chunk's end it is read again.
 */
function walk(isBackward: boolean, read: Readonly<Record<string, string>>, body: string): string {
  const names = Object.keys(read);
  const place = (k: string) =>
    `const unsigned token = ${isBackward ? `end - 1 - min(walked + ${k}, end - begin - 1)` : `begin + min(walked + ${k}, end - begin - 1)`}, row = sequence * length + token, at = row * width + c;`;
  return `
    for (unsigned walked = 0; walked < end - begin; walked += ${tokensAhead}) {
      float ${names.map((name) => `${name}s[${tokensAhead}]`).join(', ')};
      #pragma unroll
      for (unsigned k = 0; k < ${tokensAhead}; k++) {
        ${place('k')}
        ${names.map((name) => `${name}s[k] = ${read[name]};`).join(' ')}
      }
      #pragma unroll
      for (unsigned k = 0; k < ${tokensAhead}; k++) if (walked + k < end - begin) {
        ${place('k')}
        const float ${names.map((name) => `${name} = ${name}s[k]`).join(', ')};
        ${body}
      }
    }`;
}

const readGates = { i: 'gateI(at, row)', f: 'gateF(at, row)' };

/** xi, xf, h [batch, length, width], start and last [batch, width], bounds [layers, width]; `last` may be `start`. */
export function mlgruForward(
  t: Record<'xi' | 'xf' | 'h' | 'last', Tensor> & Record<'start' | 'bounds', Optional>,
  layer: number,
  units: GateUnits = {},
): Launch[] {
  const { xi, xf, h, last, start, bounds } = t;
  const chunks = chunksOf(xi);
  const maps = chunks.count > 1 ? chunkMaps(chunks, mapValues) : undefined;
  const { copy, steps } = copyOf(start, chunks);
  const findMaps = `
    float product = 1.f, state = 0.f;
    ${walk(
      false,
      readGates,
      `${next}
        product *= kept;`,
    )}
    maps[i] = product;
    maps[size + i] = state;`;
  const walkOn = `
    float state = start ? start[sequence * width + c] : 0.f;
    ${maps ? earlierChunks(through('state')) : ''}
    ${walk(
      false,
      readGates,
      `${next}
        h[at] = state;`,
    )}
    if (end == length) last[sequence * width + c] = state;`;
  return [
    ...steps,
    ...(maps
      ? [overBounded('mlgruChunks', chunks, { xi, xf, bounds, maps }, { layer, units }, findMaps)]
      : []),
    overBounded('mlgru', chunks, { xi, xf, bounds, h, last, start: copy, maps }, { layer, units }, walkOn),
  ];
}

/** xi, xf, h [rows, width], slots [rows], states and next [count, width]; `next` may be `states`. */
export function mlgruSlotsForward(
  t: Record<'xi' | 'xf' | 'slots' | 'states' | 'h' | 'next', Tensor> & { bounds: Optional },
  layer: number,
): Launch[] {
  const { states, ...tensors } = t;
  const slotWalk = {
    functions: mlgruStep,
    begin: `${boundOf}
    float state = next[slot * width + c];`,
    row: `const float i = xi[at], f = xf[at];${next}
      h[at] = state;`,
    end: 'next[slot * width + c] = state;',
  };
  return [
    startSum(t.next, states), // a copy onto itself where `next` is assigned to `states`
    overSlots('mlgruSlots', t.xi, tensors, slotWalk, { layer }),
  ];
}

type Backward = Record<'xi' | 'xf' | 'h' | 'di' | 'df' | 'dStart', Tensor> &
  Record<'start' | 'bounds' | 'dh' | 'dLast' | 'before' | 'dBounds', Optional>;

/** What a chunk does to f_{t+1} ⊙ dh_{t+1}, which is carried from token to token. */
const carry = `
    float product = 1.f, carried = 0.f;
    ${walk(
      true,
      { f: readGates.f, d: 'dh ? dh[at] : 0.f' },
      `const float kept = forgetGate(sigmoid(f), bound);
        carried = kept * (d + carried);
        product *= kept;`,
    )}
    maps[i] = product;
    maps[size + i] = carried;`;

/** di may be the memory of xi, df that of xf, dStart that of dLast; di and df may be bf16. */
export function mlgruBackward(t: Backward, layer: number, units: GateUnits = {}): Launch[] {
  const { xi, xf, h, di, df, dStart, start, bounds, dh, dLast, dBounds } = t;
  const chunks = chunksOf(xi);
  const maps = chunkMaps(chunks, mapValues);
  const alone = chunks.count === 1;
  const { copy, steps } = copyOf(dLast, chunks);
  const walkBack = `
    float carried = dLast ? dLast[sequence * width + c] : 0.f, sum = 0.f;
    ${alone ? '' : laterChunks(through('carried'))}
    ${walk(
      true,
      {
        ...{ ...readGates, d: 'dh ? dh[at] : 0.f' },
        earlier: 'token > 0 ? h[at - width] : start ? start[sequence * width + c] : 0.f',
      },
      `const float gate = sigmoid(f), kept = forgetGate(gate, bound), s = sigmoid(i), slope = d + carried;
        const float dGate = slope * (earlier - i * s);
        store(df, at, dGate * (1.f - bound) * (gate * (1.f - gate)));
        store(di, at, slope * (1.f - kept) * siluSlope(i, s));
        sum += dGate * (1.f - gate);
        carried = kept * slope;`,
    )}
    if (begin == 0) dStart[sequence * width + c] = carried;
    maps[2 * size + i] = sum;`;
  const tensors = { xi, xf, h, di, df, dStart, start, bounds, dh, dLast: copy, maps };
  return [
    ...steps,
    ...(alone
      ? []
      : [overBounded('mlgruBackwardChunks', chunks, { xi, xf, dh, bounds, maps }, { layer, units }, carry)]),
    overBounded('mlgruBackward', chunks, tensors, { layer, units }, walkBack),
    ...(dBounds ? sumOfBounds(maps, t.before, dBounds, layer) : []),
  ];
}

/** Every sequence and chunk has a share in the gradient of a column's bound; other layers' rows stay as before. */
function sumOfBounds(maps: Tensor, before: Optional, dBounds: Tensor, layer: number): Launch[] {
  const [, batch, count, width] = maps.shape as [number, number, number, number];
  return [
    startSum(dBounds, before),
    ...columnSums({
      ...{ kernel: 'mlgruBounds', rows: batch * count, width },
      ...{ term: 'maps[2 * rows * width + i]', tensors: { maps } },
      ...{ y: dBounds, before: dBounds, first: layer * width },
    }),
  ];
}
