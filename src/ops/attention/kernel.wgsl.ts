/** Causal attention with a running softmax over tiles of keys; scores stay in the workgroup. */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { attentionNumbers, lowest, type TilePlaces, wholeSequences } from './heads.wgsl.ts';
import type { AttentionSizes } from './reference.ts';
import {
  eachOther,
  keepWeights,
  othersOfTile,
  rowProducts,
  rowsOfTile,
  scaleSums,
  storeSums,
  tiles,
  weightedSums,
  workgroupSize,
  zeroSums,
} from './tiles.wgsl.ts';

type Tensors = Readonly<Record<'q' | 'k' | 'v' | 'y' | 'logSumExp', Tensor>>;

export function attentionForward(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionInTiles',
    code: inTiles(headSize, wholeSequences(rowsOfTile)),
    tensors: { ...t },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / rowsOfTile), batch],
  };
}

/** A workgroup processes 64 queries of one head, against tiles of 32 keys. */
export function inTiles(headSize: number, places: TilePlaces): string {
  const { q, k, v, y } = places.rows;
  return `
${places.declarations}
${tiles}
var<workgroup> parts: array<vec4f, 128>;

@compute ${workgroupSize}
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  ${places.begin}
  // For the invocation's four queries; sum covers only its own keys until the end.
  var top = vec4f(${lowest});
  var sum = vec4f();
  ${zeroSums('value', headSize)}
  let lastKeys = vec4u(${[0, 1, 2, 3].map((i) => places.lastKey(`(4u * local.x + ${i}u)`)).join(', ')});
  for (var firstKey = 0u; firstKey < keys; firstKey += ${othersOfTile}u) {
    ${places.eachTile}
    ${rowProducts('score', q, k)}
    ${eachOther((j) => `score${j} = select(vec4f(${lowest}), score${j} * p.scale, vec4u(firstKey + 4u * local.y + ${j}u) <= lastKeys);`)}
    let best = max(max(score0, score1), max(score2, score3));
    parts[lane] = best;
    workgroupBarrier();
    var higher = top;
    for (var i = 0u; i < 8u; i++) { higher = max(higher, parts[16u * i + local.x]); }
    let shrink = exp(top - higher);
    top = higher;
    ${eachOther((j) => `let weight${j} = exp(score${j} - top);`)}
    sum = sum * shrink + ((weight0 + weight1) + (weight2 + weight3));
    ${scaleSums('value', 'shrink', headSize)}
    ${keepWeights('weight')}
    ${weightedSums('value', v, headSize)}
  }
  parts[lane] = sum;
  workgroupBarrier();
  sum = parts[local.x];
  for (var i = 1u; i < 8u; i++) { sum += parts[16u * i + local.x]; }
  ${storeSums('value', y, headSize, 'sum')}
  if (local.y == 0u) {
    for (var i = 0u; i < 4u; i++) {
      let r = 4u * local.x + i;
      ${places.statistic('r', 'top[i] + log(sum[i])')}
    }
  }
}`;
}
