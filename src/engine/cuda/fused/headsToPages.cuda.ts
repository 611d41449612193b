/** Queries, keys and values of a few tokens after their projections: heads normalised, turned, and stored in pages. */
import type { Launch } from '../../../kernels/cuda/launch.ts';
import { largestHalf } from '../../../ops/halfFloats.ts';
import { poolRow } from '../../../ops/pages.cuda.ts';
import { pageTypeOf, poolHeads } from '../../../ops/pages.ts';
import { rowsOf, sizeOf, widthOf } from '../../../program/shapes.ts';
import type { HeadNorm, HeadsToPages } from '../../fused/groupedProjections.ts';

/** Heads of a block, a warp each. */
const warps = 4;

const stored = `
__device__ inline void storeOne(float* to, float x) { *to = x; }
__device__ inline void storeOne(f16* to, float x) {
  const float value = x < -${largestHalf}.f ? -${largestHalf}.f : x > ${largestHalf}.f ? ${largestHalf}.f : x;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to->bits) : "f"(value));
}
`;

/** A warp takes a head; a lane, pairs of its columns that are turned together. */
export function headsToPages(t: HeadsToPages): Launch {
  const { headSize, joined, keys, values, table, queryNorm, keyNorm, paging, q } = t;
  const keyHeads = poolHeads(keys, headSize);
  const heads = widthOf(q) / headSize;
  const half = headSize / 2;
  const each = (body: string) =>
    `for (unsigned k = 0, c = lane; k < ${Math.ceil(half / 32)}; k++, c += 32) if (c < ${half}) { ${body} }`;
  return {
    kernel: `headsToPages.${pageTypeOf(keys)}`,
    functions: poolRow + stored,
    body: `
  const unsigned lane = threadIdx.x % 32, head = blockIdx.x * ${warps} + threadIdx.x / 32, token = blockIdx.y;
  if (head >= ${heads + 2 * keyHeads}) return;
  const float* const from = joined + (size_t)token * ${widthOf(joined)} + head * ${headSize};
  float low[${Math.ceil(half / 32)}] = {}, high[${Math.ceil(half / 32)}] = {};
  ${each(`low[k] = from[c]; high[k] = from[c + ${half}];`)}
  const size_t row = (size_t)poolRow(pages, ${sizeOf(paging.pages, 1)}, slots[token], positions[token]) * ${keyHeads * headSize};
  if (head >= ${heads + keyHeads}) {
    auto* const to = values + row + (head - ${heads + keyHeads}) * ${headSize};
    ${each(`storeOne(to + c, low[k]); storeOne(to + c + ${half}, high[k]);`)}
    return;
  }
  float squares = 0.f;
  ${each('squares += low[k] * low[k] + high[k] * high[k];')}
  squares = warpSum(squares);
  if (head < ${heads}) { ${normalised('gammaOfQueries', queryNorm, headSize, each)} }
  else { ${normalised('gammaOfKeys', keyNorm, headSize, each)} }
  ${each(`const float cosine = table[token * ${headSize} + c], sine = table[token * ${headSize} + ${half} + c];
    const float turnedLow = low[k] * cosine - high[k] * sine, turnedHigh = high[k] * cosine + low[k] * sine;
    if (head < ${heads}) {
      float* const to = q + (size_t)token * ${heads * headSize} + head * ${headSize} + c;
      to[0] = turnedLow;
      to[${half}] = turnedHigh;
    } else {
      auto* const to = keys + row + (head - ${heads}) * ${headSize} + c;
      storeOne(to, turnedLow);
      storeOne(to + ${half}, turnedHigh);
    }`)}`,
    tensors: {
      ...{ joined, gammaOfQueries: queryNorm?.gamma, gammaOfKeys: keyNorm?.gamma, table },
      ...{ ...paging, q, keys, values },
    },
    numbers: {
      epsilonOfQueries: { f32: queryNorm?.epsilon ?? 0 },
      epsilonOfKeys: { f32: keyNorm?.epsilon ?? 0 },
    },
    ...{ grid: [Math.ceil((heads + 2 * keyHeads) / warps), rowsOf(joined), 1], block: 32 * warps },
  };
}

/** The head times r·γ. */
function normalised(
  gamma: string,
  norm: HeadNorm | undefined,
  headSize: number,
  each: (body: string) => string,
): string {
  if (!norm) return '';
  const half = headSize / 2;
  return `const float r = 1.f / sqrtf(squares / ${headSize}.f + ${gamma.replace('gamma', 'epsilon')});
    ${each(`low[k] *= r * ${gamma}[c]; high[k] *= r * ${gamma}[c + ${half}];`)}`;
}
