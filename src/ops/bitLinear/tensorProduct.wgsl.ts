/**
 * The ternary product of many tokens on tensor cores: int8 activations times codes {0, 1, 2} in exact int32.
 * For devices with int8 subgroup matrices of 16 × 16 × 32 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of eight subgroups computes 128 tokens × 256 outputs, each of its subgroups 64 × 64, in steps of 64
 * columns. The 256 outputs are the four planes of 64 packed rows, so that a packed byte is read once and unpacked
 * into the tile of weights.
 */
import type { Dispatch } from '../../program/op.ts';
import type { TernaryProduct } from './product.wgsl.ts';
import { productSizes } from './product.wgsl.ts';

const subgroups = { tokens: 2, outputs: 4 };
const lanes = 32 * subgroups.tokens * subgroups.outputs;
const [tileTokens, tileOutputs] = [64 * subgroups.tokens, 64 * subgroups.outputs];
const tileRows = tileOutputs / 4;
/** Words of four columns between rows of a tile: 16, and 4 more so that rows start in different banks. */
const stride = 20;
/** Where the tile of weights begins. */
const weightsAt = tileTokens * stride;
/** Blocks of sixteen columns of a row in a tile, and the rows that all lanes load at once. */
const blocks = 4;
const rowsAtOnce = lanes / blocks;
const fragments = [0, 1, 2, 3];
const pairs = fragments.flatMap((m) => fragments.map((n) => [m, n] as const));

/** Whether rows of weights are whole blocks of 16 columns, and planes whole groups of 4 outputs, as is needed here. */
export function suitsTensorCores(t: TernaryProduct): boolean {
  const { width, out } = productSizes(t).numbers;
  return width % 16 === 0 && out % 16 === 0;
}

export function ternaryProductOnTensorCores(t: TernaryProduct): Dispatch {
  const { numbers, packed } = productSizes(t);
  return {
    shader: 'ternaryProductOnTensorCores',
    requires: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    code,
    tensors: { ...t },
    types: { q: 'vec4u', codes: 'vec4u', y: 'vec4f' },
    numbers,
    workgroups: [Math.ceil(packed / tileRows), Math.ceil(numbers.rows / tileTokens), 1],
  };
}

/** The first row of each of a lane's loads, for a tile of `rows`. */
const loads = (rows: number) => Array.from({ length: rows / rowsAtOnce }, (_, i) => i * rowsAtOnce);

const code = `
alias Left = subgroup_matrix_left<i8, 32, 16>;
alias Right = subgroup_matrix_right<i8, 16, 32>;
alias Sums = subgroup_matrix_result<i32, 16, 16>;

// The tile of activations, then that of weights.
var<workgroup> tile: array<i32, ${weightsAt + tileOutputs * stride}>;
// 16 × 32 sums of each subgroup on their way out.
var<workgroup> sums: array<i32, ${16 * lanes}>;

fn activations(token: u32, column: u32) -> vec4u {
  if (token >= p.rows || column >= p.blocks) { return vec4u(); }
  return q[token * p.blocks + column];
}

fn weights(row: u32, column: u32) -> vec4u {
  if (row >= p.packed || column >= p.blocks) { return vec4u(); }
  return codes[row * p.blocks + column];
}

fn keep(at: u32, words: vec4u) {
  let four = bitcast<vec4i>(words);
  ${[0, 1, 2, 3].map((i) => `tile[at + ${i}u] = four[${i}];`).join(' ')}
}

// Subgroups are runs of 32 invocations, which the compiler does not know.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstRow = group.x * ${tileRows}u;
  let firstToken = group.y * ${tileTokens}u;
  let subgroup = lane / 32u;
  let mineQ = (subgroup / ${subgroups.outputs}u) * ${64 * stride}u;
  let mineW = ${weightsAt}u + (subgroup % ${subgroups.outputs}u) * ${64 * stride}u;
  let loadRow = lane / ${blocks}u;
  let loadBlock = lane % ${blocks}u;
  ${pairs.map(([m, n]) => `var c${m}${n} = Sums();`).join(' ')}
  for (var block = 0u; block < p.blocks; block += ${blocks}u) {
    ${loads(tileTokens)
      .map(
        (row) =>
          `keep((loadRow + ${row}u) * ${stride}u + 4u * loadBlock, activations(firstToken + loadRow + ${row}u, block + loadBlock));`,
      )
      .join('\n    ')}
    ${loads(tileRows)
      .map(
        (row) => `let w${row} = weights(firstRow + loadRow + ${row}u, block + loadBlock);
    ${fragments.map((plane) => `keep(${weightsAt}u + (loadRow + ${tileRows * plane + row}u) * ${stride}u + 4u * loadBlock, (w${row} >> vec4u(${2 * plane}u)) & vec4u(0x03030303u));`).join('\n    ')}`,
      )
      .join('\n    ')}
    workgroupBarrier();
    for (var k = 0u; k < 16u; k += 8u) {
      ${fragments.map((n) => `let w${n} = subgroupMatrixLoad<Right, col_major>(&tile, mineW + ${n * 16 * stride}u + k, ${stride}u);`).join('\n      ')}
      ${fragments
        .map(
          (
            m,
          ) => `let a${m} = subgroupMatrixLoad<Left, row_major>(&tile, mineQ + ${m * 16 * stride}u + k, ${stride}u);
      ${fragments.map((n) => `c${m}${n} = subgroupMatrixMultiplyAccumulate(a${m}, w${n}, c${m}${n});`).join('\n      ')}`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let corner = subgroup * 512u;
  let token = firstToken + (subgroup / ${subgroups.outputs}u) * 64u;
  let output = (subgroup % ${subgroups.outputs}u) * 64u;
  ${fragments
    .flatMap((m) =>
      [0, 1].map(
        (half) => `subgroupMatrixStore<row_major>(&sums, corner, c${m}${2 * half}, 32u);
  subgroupMatrixStore<row_major>(&sums, corner + 16u, c${m}${2 * half + 1}, 32u);
  workgroupBarrier();
  writeOut(lane % 32u, corner, token + ${16 * m}u, output + ${32 * half}u, firstRow);
  workgroupBarrier();`,
      ),
    )
    .join('\n  ')}
}

/** 16 tokens × 32 outputs of a subgroup; output ${tileRows}·plane + row of the tile is row + plane·packed of the matrix. */
fn writeOut(lane: u32, corner: u32, firstToken: u32, firstOutput: u32, firstRow: u32) {
  let output = firstOutput + 4u * (lane % 8u);
  let row = firstRow + output % ${tileRows}u;
  if (row >= p.packed) { return; }
  let o = (output / ${tileRows}u) * p.packed + row;
  for (var i = lane / 8u; i < 16u; i += 4u) {
    let token = firstToken + i;
    if (token < p.rows) {
      let four = corner + i * 32u + 4u * (lane % 8u);
      let found = vec4i(sums[four], sums[four + 1u], sums[four + 2u], sums[four + 3u]);
      y[(token * p.out + o) / 4u] = vec4f(found - vec4i(sum[token])) * (scale[0] * step[token]);
    }
  }
}`;
