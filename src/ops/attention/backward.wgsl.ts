/** The backward pass of causal attention: scores are recomputed tile by tile from the log-sum-exp. */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';
import { attentionNumbers, keyRow, longestFirst, queryRow } from './heads.wgsl.ts';
import type { AttentionSizes } from './reference.ts';
import {
  eachOther,
  keepWeights,
  othersOfTile,
  rowProducts,
  rowsOfTile,
  storeSums,
  tiles,
  weightedSums,
  workgroupSize,
  zeroSums,
} from './tiles.wgsl.ts';

export type BackwardTensors = Readonly<
  Record<'q' | 'k' | 'v' | 'y' | 'logSumExp' | 'dy' | 'dq' | 'dk' | 'dv' | 'delta', Tensor>
>;

export function attentionBackward(t: BackwardTensors, sizes: AttentionSizes): Dispatch[] {
  return [deltas(t, sizes), gradientOfQueries(t, sizes), gradientOfKeys(t, sizes)];
}

/** δ = Σ_c dy_c·y_c of each query's heads */
export function deltas({ dy, y, delta }: BackwardTensors, { headSize }: AttentionSizes): Dispatch {
  return {
    shader: 'attentionDelta',
    code: elementKernel(`
      var sum = 0.0;
      for (var c = i * p.fours; c < (i + 1u) * p.fours; c++) { sum += dot(dy[c], y[c]); }
      delta[i] = sum;`),
    tensors: { dy, y, delta },
    types: { dy: 'vec4f', y: 'vec4f' },
    numbers: { size: delta.size, fours: headSize / 4 },
    workgroups: overElements(delta.size),
  };
}

/** A workgroup processes 64 rows of a head, queries or keys, against 32 of the others at a time. */
const main = `
@compute ${workgroupSize}
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let batch = group.z;`;

/** dq of 64 queries of a head: Σ ds·k over the keys that they see, with ds = p·(dy·v − δ)/√size. */
function gradientOfQueries(t: BackwardTensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  return {
    shader: 'attentionGradientOfQueries',
    code: `${tiles}${main}
  let head = group.x;
  ${longestFirst(rowsOfTile)}
  let keyHead = head / (p.heads / p.keyHeads);
  let keys = min(firstQuery + ${rowsOfTile}u, p.length);
  let own = firstQuery + 4u * local.x + vec4u(0, 1, 2, 3);
  // Queries past the end are products of zeros and are not stored.
  let statistic = (batch * p.length + min(own, vec4u(p.length - 1u))) * p.heads + head;
  let lse = vec4f(${eachOf((i) => `logSumExp[statistic[${i}]]`)});
  let shift = vec4f(${eachOf((i) => `delta[statistic[${i}]]`)});
  ${zeroSums('sum', headSize)}
  for (var firstKey = 0u; firstKey < keys; firstKey += ${othersOfTile}u) {
    ${rowProducts('score', queryRow('q'), keyRow('k'))}
    ${rowProducts('gain', queryRow('dy'), keyRow('v'))}
    ${eachOther(
      (j) => `
    let weight${j} = select(vec4f(), exp(score${j} * p.scale - lse), vec4u(firstKey + 4u * local.y + ${j}u) <= own);
    let slope${j} = weight${j} * (gain${j} - shift) * p.scale;`,
    )}
    ${keepWeights('slope')}
    ${weightedSums('sum', keyRow('k'), headSize)}
  }
  ${storeSums('sum', queryRow('dq'), headSize)}
}`,
    tensors: { q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta, dq: t.dq },
    types: vectors,
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / rowsOfTile), batch],
  };
}

/** dk and dv of 64 keys of a head of keys: Σ ds·q and Σ p·dy over the queries of its group that see them. */
function gradientOfKeys(t: BackwardTensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, keyHeads, headSize } = sizes;
  return {
    shader: 'attentionGradientOfKeys',
    code: `${tiles}${main}
  let keyHead = group.x;
  let firstKey = group.y * ${rowsOfTile}u;
  let perKeyHead = p.heads / p.keyHeads;
  let own = firstKey + 4u * local.x + vec4u(0, 1, 2, 3);
  ${zeroSums('keySum', headSize)}
  ${zeroSums('valueSum', headSize)}
  for (var head = keyHead * perKeyHead; head < (keyHead + 1u) * perKeyHead; head++) {
    for (var firstQuery = firstKey; firstQuery < p.length; firstQuery += ${othersOfTile}u) {
      ${rowProducts('score', keyRow('k'), queryRow('q'))}
      ${rowProducts('gain', keyRow('v'), queryRow('dy'))}
      ${eachOther(
        (j) => `
      let query${j} = firstQuery + 4u * local.y + ${j}u;
      let statistic${j} = (batch * p.length + min(query${j}, p.length - 1u)) * p.heads + head;
      let seen${j} = vec4<bool>(query${j} < p.length) & (own <= vec4u(query${j}));
      let weight${j} = select(vec4f(), exp(score${j} * p.scale - logSumExp[statistic${j}]), seen${j});
      let slope${j} = weight${j} * (gain${j} - delta[statistic${j}]) * p.scale;`,
      )}
      ${keepWeights('weight')}
      ${weightedSums('valueSum', queryRow('dy'), headSize)}
      ${keepWeights('slope')}
      ${weightedSums('keySum', queryRow('q'), headSize)}
    }
  }
  ${storeSums('keySum', keyRow('dk'), headSize)}
  ${storeSums('valueSum', keyRow('dv'), headSize)}
}`,
    tensors: {
      ...{ q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta },
      ...{ dk: t.dk, dv: t.dv },
    },
    types: vectors,
    numbers: attentionNumbers(sizes),
    workgroups: [keyHeads, Math.ceil(length / rowsOfTile), batch],
  };
}

const vectors = Object.fromEntries(['q', 'k', 'v', 'dy', 'dq', 'dk', 'dv'].map((name) => [name, 'vec4f']));

const eachOf = (element: (i: number) => string) => [0, 1, 2, 3].map(element).join(', ');
