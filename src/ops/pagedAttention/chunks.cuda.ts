/**
 * Attention of few queries over many keys, such as decoding. The keys are cut into chunks, which blocks attend to side by
 * side; a second kernel merges the chunks of each query. Chunks have one size, so that a result does not depend on how
 * many blocks there are.
 */
import type { CudaFeatures, Launch } from '../../kernels/cuda/launch.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { KeysOfQuery } from '../attention/kernel.cuda.ts';

/** Lanes that share a key, keys of a block at a time, and keys of each of these streams in a chunk. */
const [lanes, streams, perStream] = [8, 32, 4];
const threads = lanes * streams;
const chunk = streams * perStream;
/** Warps of a processor that keep it busy: more queries than that need no chunks. */
const enoughWarps = 16;
/** Blocks of a processor, above which a block takes several chunks. */
const blocksOfProcessor = 16;

/** Whether queries (heads of rows) are so few that a warp for each leaves the card idle. */
export function suitsChunks(queries: number, { processors }: CudaFeatures): boolean {
  return queries <= enoughWarps * processors;
}

/** Heads of rows that attend, each with the keys that it sees: a query. */
export interface Queries extends Pick<Launch, 'kernel' | 'functions' | 'tensors' | 'numbers'> {
  readonly keysOfQuery: KeysOfQuery;
  readonly headSize: number;
  readonly count: number;
  /** Most keys that a query sees. */
  readonly capacity: number;
}

/** @param t `tensors` has q, k, v and y, `numbers` has scale; `functions` has `loadFour` of an element of k and v */
export function attendInChunks(t: Queries, { processors }: CudaFeatures): Launch[] {
  const { kernel, keysOfQuery, headSize, count, capacity, tensors, numbers } = t;
  const chunks = Math.ceil(capacity / chunk);
  const side = Math.max(Math.floor((blocksOfProcessor * processors) / count), 1);
  const found = {
    sums: scratch('chunkSums', [count, chunks, headSize]),
    tops: scratch('chunkTops', [count, chunks, 2]),
  };
  const shared = {
    ...(t.functions ? { functions: t.functions } : {}),
    ...{ tensors: { ...tensors, ...found }, numbers: { ...numbers, chunks } },
  };
  return [
    {
      ...{ kernel: `${kernel}.chunks`, body: attendToChunks(headSize, keysOfQuery), ...shared },
      ...{ grid: [count, Math.min(chunks, side), 1], block: threads },
    },
    {
      ...{ kernel: `${kernel}.merge`, body: mergeChunks(headSize, keysOfQuery), ...shared },
      ...{ grid: [count, 1, 1], block: 32 * Math.ceil(headSize / 32) },
    },
  ];
}

function attendToChunks(headSize: number, { keys, keyAt, stepOf }: KeysOfQuery): string {
  /** Vectors of four columns that a lane has of a head. */
  const vectors = Math.ceil(headSize / 4 / lanes);
  const times = (name: 'k' | 'v') => (stepOf ? ` * ${stepOf(name, 'j')}` : '');
  const eachVector = (body: string) => `
    #pragma unroll
    for (int n = 0; n < ${vectors}; n++) {
      const unsigned at = lane + ${lanes} * n;
      if (at < ${headSize / 4}) { ${body} }
    }`;
  const eachKey = (body: string) => `
    #pragma unroll
    for (int i = 0; i < ${perStream}; i++) {
      const unsigned j = begin + stream + ${streams} * i;
      ${body}
    }`;
  return `
  const unsigned warp = blockIdx.x, lane = threadIdx.x % ${lanes}, stream = threadIdx.x / ${lanes};
  ${keys}
  float4 query[${vectors}];
  ${eachVector('query[n] = ((const float4*)(q + (size_t)warp * headSize))[at] * scale;')}
  __shared__ __align__(16) float ofWarps[${threads / 32}][${headSize}];
  for (unsigned begin = blockIdx.y * ${chunk}; begin < keys; begin += gridDim.y * ${chunk}) {
    float scores[${perStream}] = {}, top = -1e30f, total = 0.f;
    ${eachKey(`if (j < keys) {
        const auto* key = k + ${keyAt('j')};
        ${eachVector('scores[i] += dot(query[n], loadFour(key + 4 * at));')}
      }`)}
    ${eachKey(`for (int d = ${lanes / 2}; d; d >>= 1) scores[i] += __shfl_xor_sync(~0u, scores[i], d);
      if (j < keys) { scores[i] = scores[i]${times('k')}; top = fmaxf(top, scores[i]); }`)}
    top = blockMax(top);
    float4 sum[${vectors}] = {};
    ${eachKey(`if (j < keys) {
        const float weight = expf(scores[i] - top), share = weight${times('v')};
        const auto* value = v + ${keyAt('j')};
        total += weight;
        ${eachVector('sum[n] = sum[n] + loadFour(value + 4 * at) * share;')}
      }`)}
    total = blockSum(lane == 0 ? total : 0.f);
    #pragma unroll
    for (int n = 0; n < ${vectors}; n++)
      for (int d = ${lanes}; d < 32; d *= 2) {
        sum[n].x += __shfl_xor_sync(~0u, sum[n].x, d);
        sum[n].y += __shfl_xor_sync(~0u, sum[n].y, d);
        sum[n].z += __shfl_xor_sync(~0u, sum[n].z, d);
        sum[n].w += __shfl_xor_sync(~0u, sum[n].w, d);
      }
    if (stream % ${32 / lanes} == 0) {
      ${eachVector('((float4*)ofWarps[threadIdx.x / 32])[at] = sum[n];')}
    }
    __syncthreads();
    const size_t place = (size_t)warp * chunks + begin / ${chunk};
    for (unsigned c = threadIdx.x; c < ${headSize}; c += ${threads}) {
      float all = 0.f;
      for (int w = 0; w < ${threads / 32}; w++) all += ofWarps[w][c];
      sums[place * ${headSize} + c] = all;
    }
    if (threadIdx.x == 0) { tops[2 * place] = top; tops[2 * place + 1] = total; }
    __syncthreads();
  }`;
}

function mergeChunks(headSize: number, { keys, finish }: KeysOfQuery): string {
  return `
  const unsigned warp = blockIdx.x, lane = threadIdx.x;
  ${keys}
  const unsigned used = (keys + ${chunk - 1}) / ${chunk};
  const float2* found = (const float2*)tops + (size_t)warp * chunks;
  const float* part = sums + (size_t)warp * chunks * ${headSize} + lane;
  float top = -1e30f, total = 0.f, sum = 0.f;
  for (unsigned n = 0; n < used; n++) top = fmaxf(top, found[n].x);
  #pragma unroll 4
  for (unsigned n = 0; n < used; n++) {
    const float weight = expf(found[n].x - top);
    total += found[n].y * weight;
    if (lane < ${headSize}) sum += part[(size_t)n * ${headSize}] * weight;
  }
  if (lane < ${headSize}) y[(size_t)warp * ${headSize} + lane] = sum / total;
  ${finish}`;
}
