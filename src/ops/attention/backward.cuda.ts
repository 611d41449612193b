/** Backward through attention, by the formulas of `attentionBackwardReference`: a warp for each query, or for each key. */
import type { Launch } from '../../kernels/cuda/launch.ts';
import type { Tensor } from '../../program/tensor.ts';
import {
  attentionNumbers,
  columnsOfLane,
  heads,
  overWarps,
  placeOfQuery,
  warpOfItem,
} from './kernel.cuda.ts';
import type { AttentionSizes } from './reference.ts';

type Read = Record<'q' | 'k' | 'v' | 'y' | 'logSumExp' | 'dy', Tensor>;

/** dq = Σ_j p_j (dy·v_j − δ) k_j / √size; a lane takes every 32nd key, then every 32nd column. */
export function gradientOfQueries(t: Read & { readonly dq: Tensor }, sizes: AttentionSizes): Launch {
  const numbers = attentionNumbers(sizes);
  const columns = columnsOfLane(sizes.headSize);
  return {
    kernel: `attentionQueries.${columns}`,
    functions: heads,
    body: `${warpOfItem}
  ${placeOfQuery}
  const size_t row = (size_t)warp * headSize;
  const float delta = dotRows(dy + row, y + row, headSize), statistic = logSumExp[warp];
  float sums[${columns}] = {};
  for (unsigned begin = 0; begin <= t; begin += 32) {
    const unsigned j = begin + lane;
    float ds = 0.f;
    if (j <= t) {
      const size_t key = firstKey + (size_t)j * stride;
      const float p = expf(scale * dotRows(q + row, k + key, headSize) - statistic);
      ds = p * (dotRows(dy + row, v + key, headSize) - delta) * scale;
    }
    for (unsigned other = 0; other < 32 && begin + other <= t; other++) {
      const float weight = __shfl_sync(~0u, ds, other);
      const float* key = k + firstKey + (size_t)(begin + other) * stride;
      for (int n = 0; n < ${columns}; n++) if (lane + 32 * n < headSize) sums[n] += weight * key[lane + 32 * n];
    }
  }
  for (int n = 0; n < ${columns}; n++) if (lane + 32 * n < headSize) dq[row + lane + 32 * n] = sums[n];`,
    tensors: { ...t },
    numbers,
    ...overWarps(numbers.count),
  };
}

/** dv_j = Σ p dy and dk_j = Σ ds q / √size over the queries that see key j, in all heads that share it. */
export function gradientOfKeys(t: Read & Record<'dk' | 'dv', Tensor>, sizes: AttentionSizes): Launch {
  const numbers = { ...attentionNumbers(sizes), count: sizes.batch * sizes.length * sizes.keyHeads };
  const columns = columnsOfLane(sizes.headSize);
  return {
    kernel: `attentionKeys.${columns}`,
    functions: heads,
    body: `${warpOfItem}
  const unsigned keyHead = warp % keyHeads, j = warp / keyHeads % length, b = warp / keyHeads / length;
  const unsigned shared = heads / keyHeads;
  const size_t key = (size_t)warp * headSize;
  float ofKeys[${columns}] = {}, ofValues[${columns}] = {};
  for (unsigned head = keyHead * shared; head < (keyHead + 1) * shared; head++) {
    for (unsigned begin = j; begin < length; begin += 32) {
      const unsigned mine = begin + lane;
      float p = 0.f, ds = 0.f;
      if (mine < length) {
        const size_t at = ((size_t)b * length + mine) * heads + head;
        const size_t row = at * headSize;
        p = expf(scale * dotRows(q + row, k + key, headSize) - logSumExp[at]);
        ds = p * (dotRows(dy + row, v + key, headSize) - dotRows(dy + row, y + row, headSize)) * scale;
      }
      for (unsigned other = 0; other < 32 && begin + other < length; other++) {
        const float weight = __shfl_sync(~0u, p, other), slope = __shfl_sync(~0u, ds, other);
        const size_t row = (((size_t)b * length + begin + other) * heads + head) * headSize;
        for (int n = 0; n < ${columns}; n++) {
          const unsigned c = lane + 32 * n;
          if (c < headSize) { ofValues[n] += weight * dy[row + c]; ofKeys[n] += slope * q[row + c]; }
        }
      }
    }
  }
  for (int n = 0; n < ${columns}; n++) {
    const unsigned c = lane + 32 * n;
    if (c < headSize) { dk[key + c] = ofKeys[n]; dv[key + c] = ofValues[n]; }
  }`,
    tensors: { ...t },
    numbers,
    ...overWarps(numbers.count),
  };
}
