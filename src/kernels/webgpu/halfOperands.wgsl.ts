/**
 * Operands of products on tensor cores in f16, laid out as `halfProduct` takes them.
 *
 * Gradients may exceed the range of f16 (6e-8 to 65,504), so a matrix of floats is scaled by the power of two that
 * brings its largest entry near 2^14, and the product is scaled back. Entries 2^38 below the largest are lost, which
 * f32 sums would hardly notice. Ternary weights are exact in f16; other values keep eleven bits.
 */

import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Dispatch } from './dispatch.ts';
import { group } from './halfProduct.wgsl.ts';
import { elementKernel, overElements, rowKernel } from './wgsl.ts';

/** Number of parts in which the largest entry is searched. */
const parts = 256;
/** Rows and columns that a workgroup transposes at once. */
const turn = 32;

export interface HalfMatrix {
  /** f16 [rows, width], if asked for. */
  readonly rows: Tensor;
  /** f16 [width, rows'], if asked for; rows' is a multiple of 8. */
  readonly columns: Tensor;
  /** The factor [1] for a product of either. */
  readonly unscale: Tensor;
  /** The dispatches that make them. */
  readonly dispatches: readonly Dispatch[];
}

/**
 * Converts a matrix [rows, width] in f32, width a multiple of 8, along its rows, its columns or both.
 * @param largest the largest magnitudes in some parts of it, if known
 */
export function halfMatrix(
  matrix: Tensor,
  along: 'rows' | 'columns' | 'both',
  largest?: Tensor | undefined,
): HalfMatrix {
  const [rows, width] = [rowsOf(matrix), widthOf(matrix)];
  const { scale, unscale, dispatches } = halfScale(matrix, largest);
  const made = {
    rows: scratch('halfRows', [rows, width], 'f16'),
    columns: scratch('halfColumns', [width, padded(rows)], 'f16'),
    unscale,
  };
  const load = 'matrix[(row * p.width + column) / 4u] * scale[0]';
  const store =
    'rows[(row * p.width + column) / 4u] = vec2u(pack2x16float(four.xy), pack2x16float(four.zw));';
  const turned: Dispatch = {
    shader: 'halfColumns',
    code: turning({
      load: `if (row < p.rows) { return ${load}; }
  return vec4f();`,
      keep: along === 'both' ? store : '',
    }),
    tensors: {
      ...{ matrix, scale, columns: made.columns },
      ...(along === 'both' && { rows: made.rows }),
    },
    types: { matrix: 'vec4f', rows: 'vec2u', columns: 'vec4u' },
    ...turningSizes(rows, width),
  };
  const straight: Dispatch = {
    shader: 'halfRows',
    code: elementKernel(`
    let four = matrix[i] * scale[0];
    rows[i] = vec2u(pack2x16float(four.xy), pack2x16float(four.zw));`),
    tensors: { matrix, scale, rows: made.rows },
    types: { matrix: 'vec4f', rows: 'vec2u' },
    numbers: { size: matrix.size / 4 },
    workgroups: overElements(matrix.size / 4),
  };
  return { ...made, dispatches: [...dispatches, along === 'rows' ? straight : turned] };
}

export interface HalfScale {
  /** The power of two [1] that brings a matrix's largest entry near 2^14, and its inverse. */
  readonly scale: Tensor;
  readonly unscale: Tensor;
  /** The dispatches that find them. */
  readonly dispatches: readonly Dispatch[];
}

/**
 * Scale factor for converting an f32 matrix to f16. The number of entries must be a multiple of four.
 * @param largest the largest magnitudes in some parts of it, if known
 */
export function halfScale(matrix: Tensor, largest?: Tensor | undefined): HalfScale {
  const [scale, unscale] = [scratch('scale', [1]), scratch('unscale', [1])];
  const tops = largest ?? scratch('largest', [parts]);
  return {
    scale,
    unscale,
    dispatches: [...(largest ? [] : [largestParts(matrix, tops)]), scaleOf(tops, scale, unscale)],
  };
}

/** The largest magnitude of an entry in each of its parts. */
function largestParts(matrix: Tensor, largest: Tensor): Dispatch {
  const parts = largest.size;
  const stretch = Math.ceil(matrix.size / 4 / parts);
  return {
    shader: 'largestParts',
    code: rowKernel(
      stretch,
      `
    var top = 0.0;
    let end = min((row + 1u) * p.stretch, p.size);
    for (var i = row * p.stretch + lane; i < end; i += lanes) {
      let four = abs(matrix[i]);
      top = max(top, max(max(four.x, four.y), max(four.z, four.w)));
    }
    top = workgroupMax(top, lane);
    if (lane == 0u) { largest[row] = top; }`,
    ),
    tensors: { matrix, largest },
    types: { matrix: 'vec4f' },
    numbers: { rows: parts, size: matrix.size / 4, stretch },
    workgroups: [parts, 1, 1],
  };
}

/** The power of two that brings the largest entry near 2^14, and its inverse. */
function scaleOf(largest: Tensor, scale: Tensor, unscale: Tensor): Dispatch {
  return {
    shader: 'scaleOfLargest',
    // The biased exponent of 2^(14 − exponent of the largest).
    code: rowKernel(
      largest.size,
      `
    var top = 0.0;
    for (var i = lane; i < p.parts; i += lanes) { top = max(top, largest[i]); }
    top = workgroupMax(top, lane);
    let exponent = clamp(268u - ((bitcast<u32>(top) >> 23u) & 255u), 64u, 190u);
    if (lane == 0u) {
      scale[0] = bitcast<f32>(exponent << 23u);
      unscale[0] = bitcast<f32>((254u - exponent) << 23u);
    }`,
    ),
    tensors: { largest, scale, unscale },
    numbers: { rows: 1, parts: largest.size },
    workgroups: [1, 1, 1],
  };
}

/** `rows` of q [.., stride] int8 and step [..], from `first` on → ŷᵀ f16 [width, rows'] */
export function halfActivations(q: Tensor, step: Tensor, width: number, rows: number, first = 0) {
  const columns = scratch('halfActivations', [width, padded(rows)], 'f16');
  const sizes = turningSizes(rows, width);
  const dispatch: Dispatch = {
    shader: 'halfActivations',
    code: turning({
      load: `if (row >= p.rows) { return vec4f(); }
  let word = q[((p.first + row) * p.stride + column) / 4u];
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) * step[p.first + row];`,
      keep: '',
    }),
    tensors: { q, step, columns },
    types: { columns: 'vec4u' },
    ...sizes,
    numbers: { ...sizes.numbers, stride: widthOf(q), first },
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
      // An invocation transposes four columns of eight packed rows, in all four planes; neighbours write adjacent memory.
      code: `
@compute @workgroup_size(16, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = ${group}u * id.x;
  let column = 4u * id.y;
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
      workgroups: [Math.ceil(out / 4 / (16 * group)), Math.ceil(width / 32), 1],
    },
  };
}

const padded = (rows: number) => Math.ceil(rows / group) * group;

/**
 * A kernel that transposes: `load` gives four adjacent columns of a row (zeros past the last), `keep` stores them
 * unchanged, and eight rows of each column go to `columns` through workgroup memory.
 */
function turning({ load, keep }: { load: string; keep: string }): string {
  return `
var<workgroup> tile: array<f32, ${turn * (turn + 1)}>;

fn load(row: u32, column: u32) -> vec4f {
  ${load}
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstRow = group.y * ${turn}u;
  let firstColumn = group.x * ${turn}u;
  for (var i = 0u; i < 2u; i++) {
    let t = lane / 8u + 16u * i;
    let c = 4u * (lane % 8u);
    let row = firstRow + t;
    let column = firstColumn + c;
    var four = vec4f();
    if (column < p.width) {
      four = load(row, column);
      ${keep && `if (row < p.rows) { ${keep} }`}
    }
    for (var j = 0u; j < 4u; j++) { tile[(c + j) * ${turn + 1}u + t] = four[j]; }
  }
  workgroupBarrier();
  let c = lane / 4u;
  let t = ${group}u * (lane % 4u);
  if (firstColumn + c < p.width && firstRow + t < p.padded) {
    var eight: vec4u;
    for (var j = 0u; j < 4u; j++) {
      let at = c * ${turn + 1}u + t + 2u * j;
      eight[j] = pack2x16float(vec2f(tile[at], tile[at + 1u]));
    }
    columns[((firstColumn + c) * p.padded + firstRow + t) / ${group}u] = eight;
  }
}`;
}

function turningSizes(rows: number, width: number) {
  return {
    numbers: { rows, width, padded: padded(rows) },
    workgroups: [Math.ceil(width / turn), Math.ceil(padded(rows) / turn), 1] as const,
  };
}
