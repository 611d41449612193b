/** The backward pass of causal attention: scores are computed again, a tile at a time, from the log-sum-exp. */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { elementKernel, overElements } from '../wgsl.ts';
import { attentionNumbers, columnsOf, keyRow, queryRow } from './kernel.wgsl.ts';
import type { AttentionSizes } from './reference.ts';
import { rowProducts, tile, tileProducts } from './tiles.wgsl.ts';

type Tensors = Readonly<
  Record<'q' | 'k' | 'v' | 'y' | 'logSumExp' | 'dy' | 'dq' | 'dk' | 'dv' | 'delta', Tensor>
>;

export function attentionBackward(t: Tensors, sizes: AttentionSizes): Dispatch[] {
  return [deltas(t, sizes), gradientOfQueries(t, sizes), gradientOfKeys(t, sizes)];
}

/** δ = Σ_c dy_c·y_c of each query's heads */
function deltas({ dy, y, delta }: Tensors, { headSize }: AttentionSizes): Dispatch {
  return {
    shader: 'attentionDelta',
    code: elementKernel(`
      var sum = 0.0;
      for (var c = i * p.headSize; c < (i + 1u) * p.headSize; c++) { sum += dy[c] * y[c]; }
      delta[i] = sum;`),
    tensors: { dy, y, delta },
    numbers: { size: delta.size, headSize },
    workgroups: overElements(delta.size),
  };
}

const declarations = `
${tile('tileA', 16)}
${tile('tileB', 16)}
var<workgroup> weights: array<f32, ${32 * 33}>;
var<workgroup> slopes: array<f32, ${32 * 33}>;
`;

/**
 * weights p and slopes ds = p·(dy·v − δ)/√size of 32 queries and 32 keys; with `firstQuery`, `firstKey`, `head`,
 * `keyHead` and `batch` in scope.
 */
const weightsAndSlopes = `
    ${rowProducts({ result: 'score', a: queryRow('q', 'firstQuery'), b: keyRow('k') })}
    ${rowProducts({ result: 'gain', a: queryRow('dy', 'firstQuery'), b: keyRow('v') })}
    for (var i = 0u; i < 2u; i++) {
      for (var j = 0u; j < 2u; j++) {
        let query = local.y + 16u * i;
        let key = local.x + 16u * j;
        var weight = 0.0;
        var slope = 0.0;
        if (firstQuery + query < p.length && firstKey + key <= firstQuery + query) {
          let row = (batch * p.length + firstQuery + query) * p.heads + head;
          weight = exp(score[i][j] * p.scale - logSumExp[row]);
          slope = weight * (gain[i][j] - delta[row]) * p.scale;
        }
        weights[query * 33u + key] = weight;
        slopes[query * 33u + key] = slope;
      }
    }
    workgroupBarrier();`;

const main = `
@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let batch = group.z;`;

/** dq of 32 queries of a head: Σ over the keys that they see. */
function gradientOfQueries(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  const columns = columnsOf(headSize);
  return {
    shader: 'attentionGradientOfQueries',
    code: `${declarations}${main}
  let head = group.x;
  let firstQuery = group.y * 32u;
  let keyHead = head / (p.heads / p.keyHeads);
  var sums: array<vec2f, ${columns}>;
  for (var firstKey = 0u; firstKey <= firstQuery; firstKey += 32u) {
    ${weightsAndSlopes}
    ${tileProducts({ sums: 'sums', weights: 'slopes', row: 'byRow', b: keyRow('k'), columns })}
  }
  for (var i = 0u; i < 2u; i++) {
    let query = firstQuery + local.y + 16u * i;
    if (query >= p.length) { continue; }
    let row = (batch * p.length + query) * p.heads + head;
    for (var n = 0u; n < ${columns}u; n++) {
      let c = local.x + 16u * n;
      if (c < p.headSize) { dq[row * p.headSize + c] = sums[n][i]; }
    }
  }
}`,
    tensors: { q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta, dq: t.dq },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / 32), batch],
  };
}

/** dk and dv of 32 keys of a head of keys: Σ over the queries of its group that see them. */
function gradientOfKeys(t: Tensors, sizes: AttentionSizes): Dispatch {
  const { batch, length, keyHeads, headSize } = sizes;
  const columns = columnsOf(headSize);
  return {
    shader: 'attentionGradientOfKeys',
    code: `${declarations}${main}
  let keyHead = group.x;
  let firstKey = group.y * 32u;
  let perKeyHead = p.heads / p.keyHeads;
  var keySums: array<vec2f, ${columns}>;
  var valueSums: array<vec2f, ${columns}>;
  for (var head = keyHead * perKeyHead; head < (keyHead + 1u) * perKeyHead; head++) {
    for (var firstQuery = firstKey; firstQuery < p.length; firstQuery += 32u) {
      ${weightsAndSlopes}
      ${tileProducts({ sums: 'keySums', weights: 'slopes', row: 'byColumn', b: queryRow('q', 'firstQuery'), columns })}
      ${tileProducts({ sums: 'valueSums', weights: 'weights', row: 'byColumn', b: queryRow('dy', 'firstQuery'), columns })}
    }
  }
  for (var i = 0u; i < 2u; i++) {
    let key = firstKey + local.y + 16u * i;
    if (key >= p.capacity) { continue; }
    let row = (batch * p.capacity + key) * p.keyHeads + keyHead;
    for (var n = 0u; n < ${columns}u; n++) {
      let c = local.x + 16u * n;
      if (c < p.headSize) {
        dk[row * p.headSize + c] = keySums[n][i];
        dv[row * p.headSize + c] = valueSums[n][i];
      }
    }
  }
}`,
    tensors: {
      ...{ q: t.q, k: t.k, v: t.v, logSumExp: t.logSumExp, dy: t.dy, delta: t.delta },
      ...{ dk: t.dk, dv: t.dv },
    },
    numbers: attentionNumbers(sizes),
    workgroups: [keyHeads, Math.ceil(length / 32), batch],
  };
}
