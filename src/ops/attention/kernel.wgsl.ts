/** Causal attention with a running softmax over tiles of keys; scores stay in the workgroup. */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { queryByQuery } from './byQuery.wgsl.ts';
import {
  attentionNumbers,
  keyRow,
  longestFirst,
  lowest,
  queryRow,
  sharedBefore,
  tokensBefore,
} from './heads.wgsl.ts';
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

/** Up to this many queries are processed one by one; more share keys in tiles. */
const maxSingleQueries = 8;

export function attentionForward(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  return sizes.length <= maxSingleQueries ? byQuery(t, first, sizes) : inTiles(t, first, sizes);
}

function byQuery(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionByQuery',
    code: queryByQuery(headSize, {
      declarations: sharedBefore(first),
      keysOfQuery: `
  let row = (group.z * p.length + group.y) * p.heads + head;
  let firstRow = group.z * p.capacity;
  ${tokensBefore(first)}
  let keys = before + group.y + 1u;`,
      rowOfKey: (j) => `(firstRow + ${j})`,
      finish: 'logSumExp[row] = top + log(sum);',
    }),
    tensors: { ...t, first },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, length, batch],
  };
}

/** A workgroup processes 64 queries of one head, against tiles of 32 keys. */
function inTiles(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionInTiles',
    code: `
${sharedBefore(first)}
${tiles}
var<workgroup> parts: array<vec4f, 128>;

@compute ${workgroupSize}
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let head = group.x;
  ${longestFirst(rowsOfTile)}
  let batch = group.z;
  ${tokensBefore(first)}
  let keyHead = head / (p.heads / p.keyHeads);
  let keys = before + min(firstQuery + ${rowsOfTile}u, p.length);
  // For the invocation's four queries; sum covers only its own keys until the end.
  var top = vec4f(${lowest});
  var sum = vec4f();
  ${zeroSums('value', headSize)}
  let ownQueries = before + firstQuery + 4u * local.x + vec4u(0, 1, 2, 3);
  for (var firstKey = 0u; firstKey < keys; firstKey += ${othersOfTile}u) {
    ${rowProducts('score', queryRow('q'), keyRow('k'))}
    ${eachOther((j) => `score${j} = select(vec4f(${lowest}), score${j} * p.scale, vec4u(firstKey + 4u * local.y + ${j}u) <= ownQueries);`)}
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
    ${weightedSums('value', keyRow('v'), headSize)}
  }
  parts[lane] = sum;
  workgroupBarrier();
  sum = parts[local.x];
  for (var i = 1u; i < 8u; i++) { sum += parts[16u * i + local.x]; }
  ${storeSums('value', queryRow('y'), headSize, 'sum')}
  if (local.y == 0u) {
    for (var i = 0u; i < 4u; i++) {
      let query = firstQuery + 4u * local.x + i;
      if (query < p.length) { logSumExp[(batch * p.length + query) * p.heads + head] = top[i] + log(sum[i]); }
    }
  }
}`,
    tensors: { ...t, first },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / rowsOfTile), batch],
  };
}
