/**
 * The backward pass of causal attention on tensor cores. Gradients may exceed the range of f16, so those of the output
 * are scaled by a power of two before the conversion, and the results are scaled back.
 */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { halfScale } from '../../kernels/webgpu/halfOperands.wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type BackwardTensors, deltas } from './backward.wgsl.ts';
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
import { attentionNumbers, keyRow, longestFirst, queryRow } from './heads.wgsl.ts';
import type { AttentionSizes } from './reference.ts';

type Tensors = BackwardTensors & { readonly scale: Tensor };

export function attentionBackward(t: BackwardTensors, sizes: AttentionSizes): Dispatch[] {
  const { scale, dispatches } = halfScale(t.dy);
  const scaled = { ...t, scale };
  return [deltas(t, sizes), ...dispatches, gradientOfQueries(scaled, sizes), gradientOfKeys(scaled, sizes)];
}

/**
 * Slopes are products with values, also in f16. So gradients of the output are scaled to about 2^6, not 2^14, which
 * leaves room above, and 2^20 below before digits are lost.
 */
const main = `
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute ${workgroupSize}
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let batch = group.z;
  let up = scale[0] / 256.0;
  let down = 256.0 / scale[0];`;

/** dq of 64 queries of a head: Σ ds·k over the keys that they see, with ds = p·(dy·v − δ)/√size. */
function gradientOfQueries(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionGradientOfQueriesOnTensorCores',
    requires,
    code: `${declarations(headSize)}${main}
  let head = group.x;
  ${longestFirst(rowsOfHalfTile)}
  let keyHead = head / (p.heads / p.keyHeads);
  let keys = min(firstQuery + ${rowsOfHalfTile}u, p.length);
  ${place(headSize)}
  let last = firstQuery + ownRow;
  let statistic = (batch * p.length + min(last, p.length - 1u)) * p.heads + head;
  let logSum = logSumExp[statistic];
  let shift = delta[statistic] * up;
  ${loadTile(queryRow('q'), headSize)}
  ${keepRows('query', headSize)}
  ${loadTile(queryRow('dy'), headSize, { factor: 'up' })}
  ${keepRows('gradient', headSize)}
  ${zeroSums('sum', headSize)}
  for (var firstKey = 0u; firstKey < keys; firstKey += ${rowsOfHalfTile}u) {
    ${loadTile(keyRow('v'), headSize)}
    ${rowProducts('gain', 'gradient', headSize)}
    ${loadTile(keyRow('k'), headSize)}
    ${rowProducts('score', 'query', headSize)}
    ${vectors
      .map(
        (i) => `
    let seen${i} = ${othersOf('firstKey', i)} <= vec4u(last);
    let weight${i} = select(vec4f(), exp(score${i} * p.scale - logSum), seen${i});
    let slope${i} = weight${i} * (gain${i} - shift) * p.scale;`,
      )
      .join('')}
    workgroupBarrier();
    ${keepWeights('slope')}
    workgroupBarrier();
    ${addWeighted('sum', headSize)}
  }
  ${storeSums('sum', queryRow('dq'), headSize, 'down')}
}`,
    tensors: {
      ...{ q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta, dq: t.dq },
      ...{ scale: t.scale },
    },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', dy: 'vec4f', dq: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / rowsOfHalfTile), batch],
  };
}

/** dk and dv of 64 keys of a head of keys: Σ ds·q and Σ p·dy over the queries of its group that see them. */
function gradientOfKeys(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, keyHeads, headSize } = sizes;
  return {
    shader: 'attentionGradientOfKeysOnTensorCores',
    requires,
    code: `${declarations(headSize)}
// For the queries of a tile, four to a vector.
var<workgroup> logSums: array<vec4f, 16>;
var<workgroup> shifts: array<vec4f, 16>;
${main}
  let keyHead = group.x;
  let firstKey = group.y * ${rowsOfHalfTile}u;
  let perKeyHead = p.heads / p.keyHeads;
  ${place(headSize)}
  let key = firstKey + ownRow;
  ${loadTile(keyRow('k'), headSize)}
  ${keepRows('key', headSize)}
  ${loadTile(keyRow('v'), headSize)}
  ${keepRows('value', headSize)}
  ${zeroSums('keySum', headSize)}
  ${zeroSums('valueSum', headSize)}
  for (var head = keyHead * perKeyHead; head < (keyHead + 1u) * perKeyHead; head++) {
    for (var firstQuery = firstKey; firstQuery < p.length; firstQuery += ${rowsOfHalfTile}u) {
      ${loadTile(queryRow('q'), headSize, { meanwhile: loadStatistics })}
      ${rowProducts('score', 'key', headSize)}
      ${vectors
        .map(
          (i) => `
      let query${i} = ${othersOf('firstQuery', i)};
      let seen${i} = (query${i} < vec4u(p.length)) & (vec4u(key) <= query${i});
      let weight${i} = select(vec4f(), exp(score${i} * p.scale - logSums[8u * side + ${i}u]), seen${i});`,
        )
        .join('')}
      ${loadTile(queryRow('dy'), headSize, { factor: 'up', meanwhile: keepWeights('weight') })}
      ${addWeighted('valueSum', headSize)}
      workgroupBarrier();
      ${rowProducts('gain', 'value', headSize)}
      ${vectors
        .map((i) => `let slope${i} = weight${i} * (gain${i} - shifts[8u * side + ${i}u]) * p.scale;`)
        .join('\n      ')}
      ${loadTile(queryRow('q'), headSize, { meanwhile: keepWeights('slope') })}
      ${addWeighted('keySum', headSize)}
    }
  }
  ${storeSums('keySum', keyRow('dk'), headSize, 'down')}
  ${storeSums('valueSum', keyRow('dv'), headSize, 'down')}
}`,
    tensors: {
      ...{ q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta },
      ...{ dk: t.dk, dv: t.dv, scale: t.scale },
    },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', dy: 'vec4f', dk: 'vec4f', dv: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [keyHeads, Math.ceil(length / rowsOfHalfTile), batch],
  };
}

const loadStatistics = `
      if (lane < 16u) {
        for (var i = 0u; i < 4u; i++) {
          let query = min(firstQuery + 4u * lane + i, p.length - 1u);
          let statistic = (batch * p.length + query) * p.heads + head;
          logSums[lane][i] = logSumExp[statistic];
          shifts[lane][i] = delta[statistic] * up;
        }
      }`;
