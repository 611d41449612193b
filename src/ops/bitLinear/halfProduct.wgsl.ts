/**
 * C [M, N] = A [M, K] · Bᵀ, B [N, K], on tensor cores: f16 operands, f32 sums, for the backward passes. For devices
 * with f16 subgroup matrices of 16 × 16 × 16 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of four subgroups computes 128 × 128 of C, each of its subgroups 64 × 64, in steps of 32 along K.
 * While one step's tiles are multiplied, the next ones are on their way to registers. Both operands run along K in
 * memory, as the tensor cores take them: other orders cost half the speed.
 */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { elementKernel, overElements, scratch } from '../wgsl.ts';

const subgroups = { m: 2, n: 2 };
const [tileM, tileN, step] = [64 * subgroups.m, 64 * subgroups.n, 32];
const lanes = 32 * subgroups.m * subgroups.n;
/** Elements of a tile's row in workgroup memory: 8 more than it has, so that rows start in different banks. */
const stride = step + 8;
const fragments = [0, 1, 2, 3];
const pairs = fragments.flatMap((m) => fragments.map((n) => [m, n] as const));

/** Rows of operands are padded with zeros to whole groups of this many elements, which are loaded at once. */
export const group = 8;

/** Fewest workgroups that keep a large GPU busy; products of few tiles share out K to get there. */
const enoughWorkgroups = 256;

export interface HalfProduct {
  readonly shader: string;
  /** f16 [M, K'] and [N, K'], with zeros from K to K', a multiple of 8. */
  readonly a: Tensor;
  readonly b: Tensor;
  /** f32 [M, N], N a multiple of 4. */
  readonly c: Tensor;
  /** Scalars [1], by whose product C is scaled. */
  readonly scales: readonly Tensor[];
  /** What C is added to. */
  readonly before?: Tensor | undefined;
}

export function halfProduct({ shader, a, b, c, scales, before }: HalfProduct): Dispatch[] {
  const [M, depth] = a.shape as [number, number];
  const N = b.shape[0]!;
  const tiles = Math.ceil(M / tileM) * Math.ceil(N / tileN);
  const steps = Math.ceil(depth / step);
  const parts = Math.min(Math.max(Math.floor(enoughWorkgroups / tiles), 1), Math.ceil(steps / 8));
  const finish = {
    scales: Object.fromEntries(scales.map((tensor, i) => [`scale${i}`, tensor])),
    value: `${before ? 'before[at] + ' : ''}${['value', ...scales.map((_, i) => `scale${i}[0]`)].join(' * ')}`,
  };
  const product = (store: string, tensors: Dispatch['tensors']): Dispatch => ({
    shader,
    requires: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    code: productCode(store),
    tensors: { a, b, ...tensors },
    types: { a: 'vec4u', b: 'vec4u', c: 'vec4f', before: 'vec4f' },
    numbers: { M, N, depth, part: Math.ceil(steps / parts) * step },
    workgroups: [Math.ceil(N / tileN), Math.ceil(M / tileM), parts],
  });
  if (parts === 1) return [product(`c[at] = ${finish.value};`, { c, ...finish.scales, before })];
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
    c[at] = ${finish.value};`),
      tensors: { sums, c, ...finish.scales, before },
      types: { sums: 'vec4f', c: 'vec4f', before: 'vec4f' },
      numbers: { size, parts },
      workgroups: overElements(size),
    },
  ];
}

function productCode(store: string): string {
  const A = tile('A', tileM);
  const B = tile('B', tileN);
  return `
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

var<workgroup> tileA: array<f16, ${tileM * stride}>;
var<workgroup> tileB: array<f16, ${tileN * stride}>;
/** 16 × 16 sums of each subgroup on their way out. */
var<workgroup> tileC: array<f32, ${8 * lanes}>;

${loadAndKeep('A', 'a', 'M')}
${loadAndKeep('B', 'b', 'N')}

// Subgroups are runs of 32 invocations, which the compiler does not know.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstM = group.y * ${tileM}u;
  let firstN = group.x * ${tileN}u;
  let subgroup = lane / 32u;
  let mineA = (subgroup / ${subgroups.n}u) * ${64 * stride}u;
  let mineB = (subgroup % ${subgroups.n}u) * ${64 * stride}u;
  ${pairs.map(([m, n]) => `var c${m}${n} = Sums();`).join(' ')}
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
    for (var j = 0u; j < ${step}u; j += 16u) {
      ${fragments.map((n) => `let b${n} = subgroupMatrixLoad<Right, col_major>(&tileB, mineB + ${16 * n * stride}u + j, ${stride}u);`).join('\n      ')}
      ${fragments
        .map(
          (
            m,
          ) => `let a${m} = subgroupMatrixLoad<Left, row_major>(&tileA, mineA + ${16 * m * stride}u + j, ${stride}u);
      ${fragments.map((n) => `c${m}${n} = subgroupMatrixMultiplyAccumulate(a${m}, b${n}, c${m}${n});`).join('\n      ')}`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let corner = subgroup * 256u;
  let cornerM = firstM + (subgroup / ${subgroups.n}u) * 64u;
  let cornerN = firstN + (subgroup % ${subgroups.n}u) * 64u;
  ${pairs
    .map(
      ([m, n]) => `subgroupMatrixStore<row_major>(&tileC, corner, c${m}${n}, 16u);
  workgroupBarrier();
  writeOut(lane % 32u, corner, cornerM + ${16 * m}u, cornerN + ${16 * n}u, group.z);
  workgroupBarrier();`,
    )
    .join('\n  ')}
}

/** 16 × 16 sums from a subgroup's part of the tile. */
fn writeOut(lane: u32, corner: u32, firstM: u32, firstN: u32, part: u32) {
  let n = firstN + 4u * (lane % 4u);
  if (n >= p.N) { return; }
  for (var i = lane / 4u; i < 16u; i += 8u) {
    let m = firstM + i;
    if (m < p.M) {
      let at = (m * p.N + n) / 4u;
      let four = corner + i * 16u + 4u * (lane % 4u);
      let value = vec4f(tileC[four], tileC[four + 1u], tileC[four + 2u], tileC[four + 3u]);
      ${store}
    }
  }
}`;
}

/** A lane's loads of a tile of `rows` × `step` elements: to registers, and from there to workgroup memory. */
function tile(name: 'A' | 'B', rows: number) {
  const perRow = step / group;
  const loads = Array.from({ length: (rows * perRow) / lanes }, (_, i) => ({
    register: `next${name}${i}`,
    row: `(lane / ${perRow}u + ${(i * lanes) / perRow}u)`,
    column: `${group}u * (lane % ${perRow}u)`,
  }));
  const first = name === 'A' ? 'firstM' : 'firstN';
  return {
    fetch: (declare: string) =>
      loads
        .map(
          ({ register, row, column }) =>
            `${declare}${register} = load${name}(${first} + ${row}, k + ${column}, end);`,
        )
        .join('\n    '),
    keep: loads
      .map(({ register, row, column }) => `keep${name}(${row} * ${stride}u + ${column}, ${register});`)
      .join('\n    '),
  };
}

function loadAndKeep(name: 'A' | 'B', tensor: string, rows: string): string {
  const halves = [0, 1, 2, 3].map(
    (i) => `
  let v${i} = bitcast<vec2<f16>>(eight[${i}]);
  tile${name}[at + ${2 * i}u] = v${i}.x;
  tile${name}[at + ${2 * i + 1}u] = v${i}.y;`,
  );
  return `
fn load${name}(row: u32, k: u32, end: u32) -> vec4u {
  if (row >= p.${rows} || k >= end) { return vec4u(); }
  return ${tensor}[(row * p.depth + k) / ${group}u];
}
fn keep${name}(at: u32, eight: vec4u) {${halves.join('')}
}`;
}
