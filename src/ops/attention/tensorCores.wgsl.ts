/**
 * Causal attention on tensor cores. Fragments cannot be scaled row by row, as a running softmax needs. So there are two
 * passes over the keys: the first computes the log-sum-exp of their scores, the second the final weights. Queries, keys
 * and values are converted to f16 without scaling; trained models stay far below its maximum, 65,504.
 */
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { isWorthHalves } from '../../kernels/webgpu/halfProduct.wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';
import {
  addWeighted,
  declarations,
  keepRows,
  keepWeights,
  loadTile,
  othersOf,
  place,
  requires,
  rowProducts,
  rowsOfHalfTile,
  storeSums,
  vectors,
  workgroupSize,
  zeroSums,
} from './halfTiles.wgsl.ts';
import { attentionNumbers, lowest, type TilePlaces, wholeSequences } from './heads.wgsl.ts';
import type { AttentionSizes } from './reference.ts';

/** Larger heads would not fit a subgroup's registers. */
const largestHead = 128;

/** Whether heads are whole fragments, and enough queries share keys. */
export function suits(sizes: AttentionSizes, { halfMatrices }: GpuFeatures): boolean {
  const { batch, length, heads, headSize } = sizes;
  const whole = headSize % 16 === 0 && headSize <= largestHead;
  return (
    halfMatrices &&
    whole &&
    length >= rowsOfHalfTile &&
    isWorthHalves(batch * heads * length, length, headSize)
  );
}

type Tensors = Readonly<Record<'q' | 'k' | 'v' | 'y' | 'logSumExp', Tensor>>;

export function attentionForward(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionOnTensorCores',
    requires,
    code: inHalfTiles(headSize, wholeSequences(rowsOfHalfTile)),
    tensors: { ...t },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / rowsOfHalfTile), batch],
  };
}

/** A workgroup processes 64 queries of one head, against tiles of 64 keys. */
export function inHalfTiles(headSize: number, places: TilePlaces): string {
  const { q, k, v, y } = places.rows;
  const seen = (i: number) => `${othersOf('firstKey', i)} <= vec4u(last)`;
  return `
${places.declarations}
${declarations(headSize)}

@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute ${workgroupSize}
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  ${places.begin}
  ${place(headSize)}
  // The last key that the invocation's query sees.
  let last = ${places.lastKey('ownRow')};
  ${loadTile(q, headSize)}
  ${keepRows('query', headSize)}
  // First over the invocation's own columns, then over all.
  var top = ${lowest};
  var sum = 0.0;
  for (var firstKey = 0u; firstKey < keys; firstKey += ${rowsOfHalfTile}u) {
    ${places.eachTile}
    ${loadTile(k, headSize)}
    ${rowProducts('score', 'query', headSize)}
    ${vectors.map((i) => `score${i} = select(vec4f(${lowest}), score${i} * p.scale, ${seen(i)});`).join('\n    ')}
    let best = ${vectors.slice(1).reduce((all, i) => `max(${all}, score${i})`, 'score0')};
    let higher = max(top, max(max(best.x, best.y), max(best.z, best.w)));
    let weights = ${vectors.map((i) => `exp(score${i} - higher)`).join(' + ')};
    sum = sum * exp(top - higher) + dot(weights, vec4f(1.0));
    top = higher;
  }
  let highest = max(top, subgroupShuffleXor(top, 16u));
  sum *= exp(top - highest);
  let logSum = highest + log(sum + subgroupShuffleXor(sum, 16u));
  ${zeroSums('value', headSize)}
  for (var firstKey = 0u; firstKey < keys; firstKey += ${rowsOfHalfTile}u) {
    ${places.eachTile}
    ${loadTile(k, headSize)}
    ${rowProducts('score', 'query', headSize)}
    ${vectors.map((i) => `let weight${i} = select(vec4f(), exp(score${i} * p.scale - logSum), ${seen(i)});`).join('\n    ')}
    ${loadTile(v, headSize, { meanwhile: keepWeights('weight') })}
    ${addWeighted('value', headSize)}
  }
  ${storeSums('value', y, headSize)}
  if (side == 0u) { ${places.statistic('ownRow', 'logSum')} }
}`;
}
