/**
 * C [M, N] = A [M, K] · Bᵀ, B [N, K], on tensor cores: f16 operands, f32 sums, for the backward passes. For devices
 * with f16 subgroup matrices of 16 × 16 × 16 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of eight subgroups computes 128 × 256 of C, each of its subgroups 64 × 64, in steps of 32 along K.
 * While one step's tiles are multiplied, the next ones are loaded into registers. Both operands are contiguous along K,
 * as the tensor cores take them: other orders cost half the speed. Tiles are arrays of 16-byte vectors, so that they are
 * written and read in whole vectors.
 */

import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Dispatch } from './dispatch.ts';
import { bringOut, multiplyFragments, sumAt, tileVectors, zeroSums } from './subgroupTile.ts';
import { elementKernel, overElements } from './wgsl.ts';

const subgroups = { m: 2, n: 4 };
const [tileM, tileN, step] = [64 * subgroups.m, 64 * subgroups.n, 32];
const lanes = 32 * subgroups.m * subgroups.n;

/** Rows of operands are padded with zeros to whole groups of this many elements, which are loaded at once. */
export const group = 8;
/** Vectors of a tile's row, and the distance of rows: one vector more, so that they start in different banks. */
const perRow = step / group;
const stride = perRow + 1;
/** Where a row's groups of sixteen elements begin. */
const vectorsOfSixteen = Array.from({ length: step / 16 }, (_, i) => (i * 16) / group);

/** Products with fewer multiplications finish sooner in f32 than their operands could be converted to f16. */
const minWork = 2 ** 22;

/** Whether a product is large enough to convert its operands to f16. */
export function isWorthHalves(M: number, N: number, K: number): boolean {
  return M * N * K >= minWork;
}

/** Workgroups that run at once on the largest GPUs. */
const atOnce = 132;
/** Maximum workgroups that share a tile's K. */
const maxParts = 16;

export interface HalfProduct {
  readonly shader: string;
  /** f16 [M, K'] and [N, K'], with zeros from K to K', a multiple of 8. */
  readonly a: Tensor;
  readonly b: Tensor;
  /** f32 [M, N], N a multiple of 4. */
  readonly c: Tensor;
  /** Scalars [1]; C is scaled by their product. */
  readonly scales: readonly Tensor[];
  /** The tensor that C is added to. */
  readonly before?: Tensor | undefined;
}

export function halfProduct({ shader, a, b, c, scales, before }: HalfProduct): Dispatch[] {
  const [M, depth] = a.shape as [number, number];
  const N = b.shape[0]!;
  const steps = Math.ceil(depth / step);
  const parts = partsOf(Math.ceil(M / tileM) * Math.ceil(N / tileN), steps);
  const scaling = Object.fromEntries(scales.map((tensor, i) => [`scale${i}`, tensor]));
  const factor = scales.map((_, i) => `scale${i}[0]`).join(' * ');
  const finished = `${before ? 'before[at] + ' : ''}value * (${factor})`;
  const product = (store: string, tensors: Dispatch['tensors']): Dispatch => ({
    shader,
    requires: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    code: productCode(store),
    tensors: { a, b, ...tensors },
    types: { a: 'vec4u', b: 'vec4u', c: 'vec4f', before: 'vec4f' },
    numbers: { M, N, depth, part: Math.ceil(steps / parts) * step },
    workgroups: [Math.ceil(N / tileN), Math.ceil(M / tileM), parts],
  });
  if (parts === 1) return [product(`c[at] = ${finished};`, { c, ...scaling, before })];
  const sums = scratch(`${shader}.parts`, [parts, M, N]);
  const size = (M * N) / 4;
  return [
    product(`c[part * p.M * p.N / 4u + at] = value;`, { c: sums }),
    {
      shader: `${shader}Sum`,
      code: elementKernel(`
    var value = sums[i];
    for (var part = 1u; part < p.parts; part++) { value += sums[part * p.size + i]; }
    let at = i;
    c[at] = ${finished};`),
      tensors: { sums, c, ...scaling, before },
      types: { sums: 'vec4f', c: 'vec4f', before: 'vec4f' },
      numbers: { size, parts },
      workgroups: overElements(size),
    },
  ];
}

/**
 * Number of parts into which K is split, each for its own workgroup: the number that leaves the fewest places idle when
 * the workgroups run in waves. Each further part reads and writes C once more, which costs about as much as a few steps.
 */
function partsOf(tiles: number, steps: number): number {
  const cost = (parts: number) => Math.ceil((tiles * parts) / atOnce) * (Math.ceil(steps / parts) + 4);
  let best = 1;
  for (let parts = 2; parts <= Math.min(maxParts, steps / 8); parts++) {
    if (cost(parts) < cost(best)) best = parts;
  }
  return best;
}

function productCode(store: string): string {
  const A = tile('A', tileM);
  const B = tile('B', tileN);
  const left = { tile: '&tile', first: 'mineA', stride };
  const right = { tile: '&tile', first: 'mineB', stride };
  return `
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

// The tile of A, then that of B.
var<workgroup> tile: array<vec4u, ${tileVectors((tileM + tileN) * stride, subgroups.m * subgroups.n)}>;

${load('A', 'a', 'M')}
${load('B', 'b', 'N')}

// Subgroups are runs of 32 invocations; the compiler does not know this.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstM = group.y * ${tileM}u;
  let firstN = group.x * ${tileN}u;
  let subgroup = lane / 32u;
  let mineA = (subgroup / ${subgroups.n}u) * ${64 * stride}u;
  let mineB = ${tileM * stride}u + (subgroup % ${subgroups.n}u) * ${64 * stride}u;
  ${zeroSums}
  var k = group.z * p.part;
  let end = min(k + p.part, p.depth);
  ${A.fetch('var ')}
  ${B.fetch('var ')}
  while (k < end) {
    ${A.keep}
    ${B.keep}
    workgroupBarrier();
    k += ${step}u;
    if (k < end) {
      ${A.fetch('')}
      ${B.fetch('')}
    }
    ${vectorsOfSixteen.map((k) => multiplyFragments(left, right, k)).join('\n    ')}
    workgroupBarrier();
  }
  let cornerM = firstM + (subgroup / ${subgroups.n}u) * 64u;
  let cornerN = firstN + (subgroup % ${subgroups.n}u) * 64u;
  ${bringOut('cornerM, cornerN, group.z')}
}

${sumAt}
/** 16 × 64 sums of a subgroup, from row \`below\` of its part of C on. */
fn writeOut(lane: u32, corner: u32, below: u32, cornerM: u32, cornerN: u32, part: u32) {
  let n = cornerN + 4u * (lane % 16u);
  if (n >= p.N) { return; }
  for (var i = lane / 16u; i < 16u; i += 2u) {
    let m = cornerM + below + i;
    if (m < p.M) {
      let at = (m * p.N + n) / 4u;
      let value = bitcast<vec4f>(tile[sumAt(corner, i, lane % 16u)]);
      ${store}
    }
  }
}`;
}

/** A lane's loads of a tile of `rows` × `step` elements: to registers, then to workgroup memory. */
function tile(name: 'A' | 'B', rows: number) {
  const loads = Array.from({ length: (rows * perRow) / lanes }, (_, i) => ({
    register: `next${name}${i}`,
    row: `(lane / ${perRow}u + ${(i * lanes) / perRow}u)`,
  }));
  const corner = name === 'A' ? 'firstM' : 'firstN';
  const first = name === 'A' ? '0u' : `${tileM * stride}u`;
  const column = `lane % ${perRow}u`;
  return {
    fetch: (declare: string) =>
      loads
        .map(
          ({ register, row }) =>
            `${declare}${register} = load${name}(${corner} + ${row}, k + ${group}u * (${column}), end);`,
        )
        .join('\n    '),
    keep: loads
      .map(({ register, row }) => `tile[${first} + ${row} * ${stride}u + ${column}] = ${register};`)
      .join('\n    '),
  };
}

/** Eight adjacent entries of an operand's row, zeros past its ends. */
function load(name: 'A' | 'B', tensor: string, rows: string): string {
  return `
fn load${name}(row: u32, k: u32, end: u32) -> vec4u {
  if (row >= p.${rows} || k >= end) { return vec4u(); }
  return ${tensor}[(row * p.depth + k) / ${group}u];
}`;
}
