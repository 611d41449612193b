/**
 * The ternary product of many tokens on tensor cores: int8 activations times codes {0, 1, 2} in exact int32.
 * For devices with int8 subgroup matrices of 16 × 16 × 32 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of four subgroups computes 128 tokens × 128 outputs, in steps of 64 columns. The 128 outputs are
 * the four planes of 32 packed rows, so that a packed byte is read once and unpacked into the tile of weights.
 */
import type { Dispatch } from '../../program/op.ts';
import type { TernaryProduct } from './product.wgsl.ts';
import { productSizes } from './product.wgsl.ts';

/** Words of four columns between rows of a tile: 16, and 4 more so that rows start in different banks. */
const stride = 20;
const tileWords = 128 * stride;
const fragments = [0, 1, 2, 3];
const pairs = fragments.flatMap((m) => fragments.map((n) => [m, n] as const));

/** Whether rows of weights are whole blocks of 16 columns, as the loads here need. */
export function suitsTensorCores(t: TernaryProduct): boolean {
  return productSizes(t).numbers.width % 16 === 0;
}

export function ternaryProductOnTensorCores(t: TernaryProduct): Dispatch {
  const { numbers, packed } = productSizes(t);
  return {
    shader: 'ternaryProductOnTensorCores',
    requires: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    code: `
alias Left = subgroup_matrix_left<i8, 32, 16>;
alias Right = subgroup_matrix_right<i8, 16, 32>;
alias Sums = subgroup_matrix_result<i32, 16, 16>;

// The tile of activations, then that of weights; in the end, sums on their way out.
var<workgroup> tile: array<i32, ${2 * tileWords}>;

fn loadActivations(lane: u32, firstToken: u32, block: u32) {
  for (var i = 0u; i < 4u; i++) {
    let at = lane + 128u * i;
    let token = firstToken + at / 4u;
    let column = block + at % 4u;
    var words = vec4u();
    if (token < p.rows && column < p.blocks) { words = q[token * p.blocks + column]; }
    keep((at / 4u) * ${stride}u + 4u * (at % 4u), words);
  }
}

fn loadWeights(lane: u32, firstRow: u32, block: u32) {
  let row = firstRow + lane / 4u;
  let column = block + lane % 4u;
  var words = vec4u();
  if (row < p.packed && column < p.blocks) { words = codes[row * p.blocks + column]; }
  for (var plane = 0u; plane < 4u; plane++) {
    let to = ${tileWords}u + (32u * plane + lane / 4u) * ${stride}u + 4u * (lane % 4u);
    keep(to, (words >> vec4u(2u * plane)) & vec4u(0x03030303u));
  }
}

fn keep(to: u32, words: vec4u) {
  for (var i = 0u; i < 4u; i++) { tile[to + i] = bitcast<i32>(words[i]); }
}

// Subgroups are runs of 32 invocations, which the compiler does not know.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let firstRow = group.x * 32u;
  let firstToken = group.y * 128u;
  // Each subgroup owns 64 tokens × 64 outputs, in 4 × 4 fragments.
  let subgroup = lane / 32u;
  let mineQ = (subgroup / 2u) * 64u * ${stride}u;
  let mineW = ${tileWords}u + (subgroup % 2u) * 64u * ${stride}u;
  ${pairs.map(([m, n]) => `var c${m}${n} = Sums();`).join(' ')}
  for (var block = 0u; block < p.blocks; block += 4u) {
    loadActivations(lane, firstToken, block);
    loadWeights(lane, firstRow, block);
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
  ${fragments
    .map(
      (
        m,
      ) => `${fragments.map((n) => `subgroupMatrixStore<row_major>(&tile, subgroup * 1024u + ${n * 16}u, c${m}${n}, 64u);`).join('\n  ')}
  workgroupBarrier();
  writeOutputs(lane % 32u, subgroup, firstToken + (subgroup / 2u) * 64u + ${m * 16}u, firstRow);
  workgroupBarrier();`,
    )
    .join('\n  ')}
}

/** 16 tokens × 64 outputs of one subgroup, from its part of the tile. */
fn writeOutputs(lane: u32, subgroup: u32, firstToken: u32, firstRow: u32) {
  for (var i = lane; i < 1024u; i += 32u) {
    let token = firstToken + i / 64u;
    let output = (subgroup % 2u) * 64u + i % 64u; // 32·plane + row of this workgroup's tile
    let row = firstRow + output % 32u;
    let o = (output / 32u) * p.packed + row;
    if (token < p.rows && row < p.packed && o < p.out) {
      y[token * p.out + o] = f32(tile[subgroup * 1024u + i] - sum[token]) * (scale[0] * step[token]);
    }
  }
}`,
    tensors: { ...t },
    types: { q: 'vec4u', codes: 'vec4u' },
    numbers,
    workgroups: [Math.ceil(packed / 32), Math.ceil(numbers.rows / 128), 1],
  };
}
