/**
 * Operands of the backward products in f16, laid out as `halfProduct` takes them.
 *
 * Gradients have any size, while f16 ends at 65,504 and fades below 6e-8. So a gradient is scaled by the power of two
 * that brings its largest entry near 2^14, and the product is scaled back: what lies 2^38 below the largest entry is
 * lost, which f32 sums would hardly notice. Ternary weights are exact in f16, activations keep eleven bits.
 */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { rowKernel, scratch } from '../wgsl.ts';
import { group } from './halfProduct.wgsl.ts';

/** The largest entry is found in this many parts. */
const parts = 256;
/** A workgroup turns this many rows and columns. */
const turn = 32;

export interface HalfGradient {
  /** f16 [rows, out] and [out, rows'], rows' being a multiple of 8. */
  readonly rows: Tensor;
  readonly columns: Tensor;
  /** What a product of either must be multiplied by [1]. */
  readonly unscale: Tensor;
}

/** dOut [rows, out] f32, out a multiple of 8 */
export function halfGradient(dOut: Tensor): HalfGradient & { readonly dispatches: readonly Dispatch[] } {
  const [rows, out] = [rowsOf(dOut), widthOf(dOut)];
  const largest = scratch('largest', [parts]);
  const scale = scratch('scale', [1]);
  const made = {
    rows: scratch('halfRows', [rows, out], 'f16'),
    columns: scratch('halfColumns', [out, padded(rows)], 'f16'),
    unscale: scratch('unscale', [1]),
  };
  const { unscale } = made;
  const stretch = Math.ceil(dOut.size / 4 / parts);
  return {
    ...made,
    dispatches: [
      {
        shader: 'largestParts',
        code: rowKernel(
          stretch,
          `
    var top = 0.0;
    let end = min((row + 1u) * p.stretch, p.size);
    for (var i = row * p.stretch + lane; i < end; i += lanes) {
      let four = abs(dOut[i]);
      top = max(top, max(max(four.x, four.y), max(four.z, four.w)));
    }
    top = workgroupMax(top, lane);
    if (lane == 0u) { largest[row] = top; }`,
        ),
        tensors: { dOut, largest },
        types: { dOut: 'vec4f' },
        numbers: { rows: parts, size: dOut.size / 4, stretch },
        workgroups: [parts, 1, 1],
      },
      {
        shader: 'scaleOfLargest',
        // The biased exponent of 2^(14 − exponent of the largest).
        code: rowKernel(
          parts,
          `
    let top = workgroupMax(largest[lane], lane);
    let exponent = clamp(268u - ((bitcast<u32>(top) >> 23u) & 255u), 64u, 190u);
    if (lane == 0u) {
      scale[0] = bitcast<f32>(exponent << 23u);
      unscale[0] = bitcast<f32>((254u - exponent) << 23u);
    }`,
        ),
        tensors: { largest, scale, unscale },
        numbers: { rows: 1 },
        workgroups: [1, 1, 1],
      },
      {
        shader: 'halfGradient',
        code: turning({
          load: `if (token < p.rows) { return dOut[(token * p.width + column) / 4u] * scale[0]; }
  return vec4f();`,
          keep: 'rows[(token * p.width + column) / 4u] = vec2u(pack2x16float(four.xy), pack2x16float(four.zw));',
        }),
        tensors: { dOut, scale, rows: made.rows, columns: made.columns },
        types: { dOut: 'vec4f', rows: 'vec2u', columns: 'vec4u' },
        ...turningSizes(rows, out),
      },
    ],
  };
}

/** q [rows, stride] int8 and step [rows] → ŷᵀ f16 [width, rows'] */
export function halfActivations(q: Tensor, step: Tensor, width: number) {
  const rows = rowsOf(q);
  const columns = scratch('halfActivations', [width, padded(rows)], 'f16');
  const sizes = turningSizes(rows, width);
  const dispatch: Dispatch = {
    shader: 'halfActivations',
    code: turning({
      load: `if (token >= p.rows) { return vec4f(); }
  let word = q[(token * p.stride + column) / 4u];
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) * step[token];`,
      keep: '',
    }),
    tensors: { q, step, columns },
    types: { columns: 'vec4u' },
    ...sizes,
    numbers: { ...sizes.numbers, stride: widthOf(q) },
  };
  return { columns, dispatch };
}

/** codes ternary [out, width], out a multiple of 32 → f16 [width, out] */
export function halfWeights(codes: Tensor): { readonly columns: Tensor; readonly dispatch: Dispatch } {
  const [out, width] = codes.shape as [number, number];
  const columns = scratch('halfWeights', [width, out], 'f16');
  return {
    columns,
    dispatch: {
      shader: 'halfWeights',
      // An invocation turns four columns of eight packed rows, in all four planes.
      code: `
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = 4u * id.x;
  let row = ${group}u * id.y;
  if (column >= p.width || row >= p.packed) { return; }
  var words: array<u32, ${group}>;
  for (var i = 0u; i < ${group}u; i++) { words[i] = codes[((row + i) * p.width + column) / 4u]; }
  for (var c = 0u; c < 4u; c++) {
    for (var plane = 0u; plane < 4u; plane++) {
      var eight: vec4u;
      for (var i = 0u; i < 4u; i++) {
        let shift = 8u * c + 2u * plane;
        let two = vec2u(words[2u * i], words[2u * i + 1u]) >> vec2u(shift);
        eight[i] = pack2x16float(vec2f(two & vec2u(3u)) - 1.0);
      }
      columns[((column + c) * p.out + plane * p.packed + row) / ${group}u] = eight;
    }
  }
}`,
      tensors: { codes, columns },
      types: { columns: 'vec4u' },
      numbers: { out, width, packed: out / 4 },
      workgroups: [Math.ceil(width / 32), Math.ceil(out / 4 / (8 * group)), 1],
    },
  };
}

/** Whether these layouts and the loads of `halfProduct` suit a matrix [out, width]. */
export function suitsHalfProducts(out: number, width: number): boolean {
  return out % 32 === 0 && width % 8 === 0;
}

const padded = (rows: number) => Math.ceil(rows / group) * group;

/**
 * A kernel that turns rows of tokens into columns: `load` gives four neighbouring columns of a token (zeros past the
 * last), `keep` stores them as they are, and eight tokens of each column go to `columns` by way of workgroup memory.
 */
function turning({ load, keep }: { load: string; keep: string }): string {
  return `
var<workgroup> tile: array<f32, ${turn * (turn + 1)}>;

fn load(token: u32, column: u32) -> vec4f {
  ${load}
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstToken = group.y * ${turn}u;
  let firstColumn = group.x * ${turn}u;
  for (var i = 0u; i < 2u; i++) {
    let t = lane / 8u + 16u * i;
    let c = 4u * (lane % 8u);
    let token = firstToken + t;
    let column = firstColumn + c;
    var four = vec4f();
    if (column < p.width) {
      four = load(token, column);
      ${keep && `if (token < p.rows) { ${keep} }`}
    }
    for (var j = 0u; j < 4u; j++) { tile[(c + j) * ${turn + 1}u + t] = four[j]; }
  }
  workgroupBarrier();
  let c = lane / 4u;
  let t = ${group}u * (lane % 4u);
  if (firstColumn + c < p.width && firstToken + t < p.padded) {
    var eight: vec4u;
    for (var j = 0u; j < 4u; j++) {
      let at = c * ${turn + 1}u + t + 2u * j;
      eight[j] = pack2x16float(vec2f(tile[at], tile[at + 1u]));
    }
    columns[((firstColumn + c) * p.padded + firstToken + t) / ${group}u] = eight;
  }
}`;
}

function turningSizes(rows: number, width: number) {
  return {
    numbers: { rows, width, padded: padded(rows) },
    workgroups: [Math.ceil(width / turn), Math.ceil(padded(rows) / turn), 1] as const,
  };
}
