/**
 * The ternary product of many tokens on tensor cores: int8 activations times codes {0, 1, 2} in exact int32.
 * For devices with int8 subgroup matrices of 16 × 16 × 32 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of eight subgroups computes 128 tokens × 256 outputs, each of its subgroups 64 × 64, in steps of 64
 * columns. The 256 outputs are the four planes of 64 packed rows, so that a packed byte is read once and unpacked into
 * the tile of weights. While one step's tiles are multiplied, the next ones are loaded into registers.
 */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import {
  bringOut,
  multiplyFragments,
  sumAt,
  tileVectors,
  zeroSums,
} from '../../kernels/webgpu/subgroupTile.ts';
import { productSizes, type TernaryProduct, tensorsOf } from './ternaryProduct.ts';

const subgroups = { tokens: 2, outputs: 4 };
const lanes = 32 * subgroups.tokens * subgroups.outputs;
const [tileTokens, tileOutputs] = [64 * subgroups.tokens, 64 * subgroups.outputs];
const tileRows = tileOutputs / 4;
/** Blocks of sixteen columns of a row in a tile, and their distance: padded by one, so that rows use different banks. */
const blocks = 4;
const stride = blocks + 1;
/** Start of the tile of weights, and the number of rows that all lanes load at once. */
const weightsAt = tileTokens * stride;
const rowsAtOnce = lanes / blocks;

/** Whether rows of weights are whole blocks of 16 columns and planes whole groups of 4 outputs, as this shader needs. */
export function suitsTensorCores(t: TernaryProduct): boolean {
  const { width, out } = productSizes(t).numbers;
  return width % 16 === 0 && out % 16 === 0;
}

export function ternaryProductOnTensorCores(t: TernaryProduct): Dispatch {
  const { numbers, packed } = productSizes(t);
  return {
    shader: 'ternaryProductOnTensorCores',
    requires: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    code: code(t.to ? 'to[at] + ' : ''),
    tensors: tensorsOf(t),
    types: { q: 'vec4u', codes: 'vec4u', y: 'vec4f', to: 'vec4f' },
    numbers,
    workgroups: [Math.ceil(packed / tileRows), Math.ceil(numbers.rows / tileTokens), 1],
  };
}

const planes = [0, 1, 2, 3];

/** The first row of each of a lane's loads, for a tile of `rows`. */
const loads = (rows: number) => Array.from({ length: rows / rowsAtOnce }, (_, i) => i * rowsAtOnce);

/** Loads a lane's blocks of the next tiles into registers. */
const fetch = (declare: string) =>
  [
    ...loads(tileTokens).map(
      (row) => `${declare}q${row} = activations(firstToken + loadRow + ${row}u, block + loadBlock);`,
    ),
    ...loads(tileRows).map(
      (row) => `${declare}w${row} = weights(firstRow + loadRow + ${row}u, block + loadBlock);`,
    ),
  ].join('\n  ');

/** Stores registers to the tiles, where weights have a byte each. */
const keep = [
  ...loads(tileTokens).map((row) => `tile[(loadRow + ${row}u) * ${stride}u + loadBlock] = q${row};`),
  ...loads(tileRows).flatMap((row) =>
    planes.map(
      (plane) =>
        `tile[${weightsAt}u + (loadRow + ${tileRows * plane + row}u) * ${stride}u + loadBlock] = (w${row} >> vec4u(${2 * plane}u)) & vec4u(0x03030303u);`,
    ),
  ),
].join('\n    ');

const left = { tile: '&tile', first: 'mineQ', stride };
const right = { tile: '&tile', first: 'mineW', stride };

/** `before`: the tensor that outputs are added to. */
const code = (before: string) => `
alias Left = subgroup_matrix_left<i8, 32, 16>;
alias Right = subgroup_matrix_right<i8, 16, 32>;
alias Sums = subgroup_matrix_result<i32, 16, 16>;

// The tile of activations, then that of weights.
var<workgroup> tile: array<vec4u, ${tileVectors(weightsAt + tileOutputs * stride, subgroups.tokens * subgroups.outputs)}>;

fn activations(token: u32, column: u32) -> vec4u {
  if (token >= p.rows || column >= p.blocks) { return vec4u(); }
  return q[(p.first + token) * p.blocks + column];
}

fn weights(row: u32, column: u32) -> vec4u {
  if (row >= p.packed || column >= p.blocks) { return vec4u(); }
  return codes[row * p.blocks + column];
}

// Subgroups are runs of 32 invocations; the compiler does not know this.
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
  ${zeroSums}
  var block = 0u;
  ${fetch('var ')}
  while (block < p.blocks) {
    ${keep}
    workgroupBarrier();
    block += ${blocks}u;
    if (block < p.blocks) {
  ${fetch('')}
    }
    ${[0, 2].map((k) => multiplyFragments(left, right, k)).join('\n    ')}
    workgroupBarrier();
  }
  let token = firstToken + (subgroup / ${subgroups.outputs}u) * 64u;
  let output = (subgroup % ${subgroups.outputs}u) * 64u;
  ${bringOut('token, output, firstRow')}
}

${sumAt}
/** 16 tokens × 64 outputs of a subgroup; output ${tileRows}·plane + row of the tile is row + plane·packed of the matrix. */
fn writeOut(lane: u32, corner: u32, below: u32, firstToken: u32, firstOutput: u32, firstRow: u32) {
  let output = firstOutput + 4u * (lane % 16u);
  let row = firstRow + output % ${tileRows}u;
  if (row >= p.packed) { return; }
  let o = (output / ${tileRows}u) * p.packed + row;
  for (var i = lane / 16u; i < 16u; i += 2u) {
    let token = firstToken + below + i;
    if (token < p.rows) {
      let found = bitcast<vec4i>(tile[sumAt(corner, i, lane % 16u)]);
      let at = (token * p.out + o) / 4u;
      let held = p.first + token;
      y[at] = ${before}vec4f(found - vec4i(sum[held])) * (scale[0] * step[held]);
    }
  }
}`;
