/**
 * Grouped matrices times one row, or a few: every block of threads normalises and rounds the whole row, which costs less
 * than another launch, then computes a tile of outputs, whose first codes are on their way meanwhile. Formulas:
 * groupedLinear.ts.
 */
import type { Launch } from '../../../kernels/cuda/launch.ts';
import { gates } from '../../../ops/gatedUnit/cuda.ts';
import { groupOf } from '../../../ops/groupedLinear/groupedLinear.ts';
import { kinds } from '../../../ops/groupedLinear/kernel.cuda.ts';
import { tileLanes } from '../../../ops/groupedLinear/packed.ts';
import { blockSize, smallest, unitParts } from '../../../ops/groupedLinear/reference.ts';
import { rowsOf, sizeOf, widthOf } from '../../../program/shapes.ts';
import { type GroupedProjections, projectionInputs } from '../../fused/groupedProjections.ts';

const threads = 256;
/** Vectors of four columns that a thread holds in registers. */
const maxLoads = 16;
/** Blocks that may each round the row; for more, rounding it once is faster. */
const maxTiles = 1024;
/** Pieces of columns of which a thread asks for the codes before the row is there. */
const maxEarly = 2;

/** How the work is divided. */
function cut({ x, matrices }: GroupedProjections) {
  const { codes, scales } = matrices[0]!;
  const kind = kinds[codes.dtype as keyof typeof kinds];
  const [width, group] = [widthOf(x), groupOf(codes, scales)];
  const taken = Math.min(group, blockSize);
  const pieces = width / taken;
  const height = kind.planes * tileLanes;
  const tiles = matrices.map((matrix) => Math.ceil(sizeOf(matrix.codes, 0) / height));
  const atOnce = threads / tileLanes;
  return {
    ...{ kind, width, group, taken, pieces, height, tiles, atOnce },
    early: Math.min(Math.ceil(pieces / atOnce), maxEarly),
    loads: Math.ceil(width / 4 / threads),
  };
}

type Cut = ReturnType<typeof cut>;

export function suitsGrouped(t: GroupedProjections): boolean {
  if (!t.matrices.every(({ codes }) => codes.dtype in kinds)) return false;
  const { width, tiles, loads } = cut(t);
  return width % blockSize === 0 && loads <= maxLoads && Math.max(...tiles) <= maxTiles;
}

export function groupedProjections(t: GroupedProjections): Launch {
  const sizes = cut(t);
  const { width, tiles, pieces, group, taken } = sizes;
  const outs = t.matrices.map(({ codes }) => sizeOf(codes, 0));
  return {
    kernel: `groupedProjections.${t.norm ? 'rmsNorm' : 'none'}.${t.matrices.length}.${t.use.kind}`,
    functions: productOf(sizes),
    body: roundedRow(t, sizes) + products(t, sizes),
    tensors: { ...projectionInputs(t), y: t.y },
    types: Object.fromEntries(t.matrices.map((_, k) => [`codes${k}`, 'const unsigned'])),
    numbers: {
      ...{ words: width / 4, pieces, groups: width / group, perBlock: blockSize / taken },
      ...{ perGroup: group / taken, out: t.use.kind === 'none' ? widthOf(t.y) : outs[0]! },
      epsilon: { f32: t.norm?.epsilon ?? 0 },
    },
    grid: [t.use.kind === 'none' ? tiles.reduce((sum, count) => sum + count, 0) : tiles[0]!, rowsOf(t.x), 1],
    block: threads,
    beginsEarly: true,
  };
}

/**
 * `Tile`: the outputs of a tile, a thread having one lane of them in every so many pieces of columns. `fetch` asks for its
 * first codes; `product` gives thread t < height output t / 8 · lanes + t % 8 of the tile, in units of the row.
 */
function productOf({ kind, taken, height, early, atOnce }: Cut): string {
  const { planes, mask, value } = kind;
  const words = taken / 4;
  return `
struct Sizes { unsigned words, pieces, groups, perBlock, perGroup; };
template <typename S> struct Tile {
  const unsigned* code; const S* scales; unsigned height, lanes, begin;
  unsigned early[${early}][${words}];
  __device__ inline void fetch(const unsigned* codes, const S* allScales, unsigned out, unsigned tile, const Sizes& p) {
    height = min(${height}u, out - tile * ${height}); lanes = (height + ${planes - 1}) / ${planes};
    code = codes + (size_t)tile * ${tileLanes} * p.words; scales = allScales; begin = tile * ${height} * p.groups;
    const unsigned l = threadIdx.x % ${tileLanes}, first = threadIdx.x / ${tileLanes};
    #pragma unroll
    for (int n = 0; n < ${early}; n++)
      #pragma unroll
      for (int k = 0; k < ${words}; k++) {
        const unsigned piece = first + n * ${atOnce};
        early[n][k] = l < lanes && piece < p.pieces ? __ldg(code + (size_t)(piece * ${words} + k) * lanes + l) : 0;
      }
  }
  __device__ inline void add(const unsigned (&word)[${words}], unsigned piece, const int* q, const int* m, const Sizes& p, float (&sums)[${planes}]) const {
    const unsigned l = threadIdx.x % ${tileLanes};
    int all = 0, dots[${planes}] = {};
    #pragma unroll
    for (int k = 0; k < ${words}; k++) {
      const int a = q[piece * ${words} + k];
      all = dot4(a, 0x01010101, all);
      #pragma unroll
      for (int j = 0; j < ${planes}; j++) dots[j] = dot4(a, (int)(word[k] >> ${8 / planes} * j & ${mask}), dots[j]);
    }
    const int unit = m[piece / p.perBlock];
    const size_t at = (size_t)begin + piece / p.perGroup * height + l;
    #pragma unroll
    for (int j = 0; j < ${planes}; j++) {
      const int sum = dots[j];
      if (j * lanes + l < height) sums[j] += (${value}) * unit * toFloat(scales[at + j * lanes]);
    }
  }
  __device__ inline float product(const int* q, const int* m, const Sizes& p, float (&parts)[${threads / 32}][${planes}][${tileLanes}]) const {
    const unsigned l = threadIdx.x % ${tileLanes};
    float sums[${planes}] = {};
    if (l < lanes) {
      #pragma unroll
      for (int n = 0; n < ${early}; n++) {
        const unsigned piece = threadIdx.x / ${tileLanes} + n * ${atOnce};
        if (piece < p.pieces) add(early[n], piece, q, m, p, sums);
      }
      for (unsigned piece = threadIdx.x / ${tileLanes} + ${early * atOnce}; piece < p.pieces; piece += ${atOnce}) {
        unsigned word[${words}];
        #pragma unroll
        for (int k = 0; k < ${words}; k++) word[k] = __ldg(code + (size_t)(piece * ${words} + k) * lanes + l);
        add(word, piece, q, m, p, sums);
      }
    }
    #pragma unroll
    for (int j = 0; j < ${planes}; j++) {
      sums[j] += __shfl_xor_sync(~0u, sums[j], 8);
      sums[j] += __shfl_xor_sync(~0u, sums[j], 16);
      if (threadIdx.x % 32 < ${tileLanes}) parts[threadIdx.x / 32][j][l] = sums[j];
    }
    __syncthreads();
    float total = 0.f;
    if (threadIdx.x < ${height})
      for (int warp = 0; warp < ${threads / 32}; warp++) total += parts[warp][threadIdx.x / ${tileLanes}][l];
    return total;
  }
};
`;
}

/** The row, normalised and rounded: `q`, the multiples `m` of the blocks' steps, and `unit`. */
function roundedRow(t: GroupedProjections, sizes: Cut): string {
  const { width, loads, tiles } = sizes;
  const words = width / 4;
  const each = (body: string) => `
  #pragma unroll
  for (int j = 0; j < ${loads}; j++) {
    const unsigned at = thread + j * ${threads};
    const bool inside = at < ${words};
    ${body}
  }`;
  const weights = [
    ...(t.norm ? [t.norm.gamma] : []),
    ...t.matrices.flatMap(({ codes, scales }) => [codes, scales]),
  ];
  // Weights that the program itself makes are there once earlier launches have ended.
  const areConstant = weights.every(({ kind }) => kind !== 'temporary');
  return `
  __shared__ int q[${words}], m[${width / blockSize}];
  const unsigned thread = threadIdx.x, token = blockIdx.y;
  const Sizes sizes = {words, pieces, groups, perBlock, perGroup};
  letLaterBegin();
  ${areConstant ? '' : 'waitForEarlier();'}
  ${fetches(t, tiles)}
  const float4 none = make_float4(0.f, 0.f, 0.f, 0.f);
  float4 v[${loads}]${t.norm ? `, weights[${loads}]` : ''};
  ${t.norm ? each('weights[j] = inside ? ((const float4*)gamma)[at] : none;') : ''}
  ${areConstant ? 'waitForEarlier();' : ''}
  ${each('v[j] = inside ? ((const float4*)x)[(size_t)token * words + at] : none;')}
  ${
    t.norm
      ? `float squares = 0.f;
  ${each('squares += dot(v[j], v[j]);')}
  const float r = 1.f / sqrtf(blockSum(squares) / ${width}.f + epsilon);
  ${each('v[j] = v[j] * r * weights[j];')}`
      : ''
  }
  float top = 0.f;
  ${each('top = fmaxf(top, largestOf(v[j]));')}
  const float unit = fmaxf(blockMax(top), ${smallest}f) / ${unitParts}.f;
  ${each(`float largest = largestOf(v[j]);
    for (int d = 4; d; d >>= 1) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, d));
    const float multiple = fminf(floorf(largest / (127.f * unit)) + 1.f, 4095.f), step = multiple * unit;
    if (inside) {
      q[at] = packInt8(toInt8(v[j].x / step), toInt8(v[j].y / step), toInt8(v[j].z / step), toInt8(v[j].w / step));
      if (at % 8 == 0) m[at / 8] = (int)multiple;
    }`)}
  __syncthreads();`;
}

/** Matrix k's tile of a block, which `tiles` before it leave to it. */
function fetches(t: GroupedProjections, tiles: readonly number[]): string {
  const of = (k: number, tile: string) =>
    `fetch(codes${k}, scales${k}, ${sizeOf(t.matrices[k]!.codes, 0)}u, ${tile}, sizes);`;
  const scales = t.matrices[0]!.scales.dtype === 'f16' ? 'f16' : 'float';
  if (t.use.kind === 'gatedUnit')
    return `Tile<${scales}> gate, up;
  gate.${of(0, 'blockIdx.x')} up.${of(1, 'blockIdx.x')}`;
  let first = 0;
  const branches = tiles.map((count, k) => {
    const branch = `if (blockIdx.x < ${first + count}u) { place = blockIdx.x - ${first}u; tile.${of(k, 'place')} }`;
    first += count;
    return branch;
  });
  return `Tile<${scales}> tile; unsigned place;
  ${branches.join(' else ')}`;
}

/** What a block does with its tile: thread t < height has output `o` of it. */
function products(t: GroupedProjections, { tiles, kind, height }: Cut): string {
  const parts = (name: string) => `__shared__ float ${name}[${threads / 32}][${kind.planes}][${tileLanes}];`;
  const place = (tile: string, from: string) => `
  const unsigned l = thread % ${tileLanes}, row = thread / ${tileLanes} * ${tile}.lanes + l, o = ${height} * ${from} + row;
  const bool stores = thread < ${height} && l < ${tile}.lanes && row < ${tile}.height;`;
  const bias = (k: number) => (t.matrices[k]!.bias ? ` + bias${k}[o]` : '');
  if (t.use.kind === 'gatedUnit')
    return `
  ${parts('ofGates')} ${parts('ofUps')} ${place('gate', 'blockIdx.x')}
  const float g = gate.product(q, m, sizes, ofGates), u = up.product(q, m, sizes, ofUps);
  if (stores) {
    const float x = unit * g${bias(0)};
    y[(size_t)token * out + o] = (${gates[t.use.activation].value}) * (unit * u${bias(1)});
  }`;
  const before = t.use.kind === 'add' ? 'to[(size_t)token * out + o] + ' : '';
  let [firstTile, firstOutput] = [0, 0];
  const branches = t.matrices.map(({ codes }, k) => {
    firstTile += tiles[k]!;
    const at = `(size_t)token * out + ${firstOutput}u + o`;
    firstOutput += sizeOf(codes, 0);
    return `if (blockIdx.x < ${firstTile}u) y[${at}] = ${before}unit * total${bias(k)};`;
  });
  return `
  ${parts('parts')} ${place('tile', 'place')}
  const float total = tile.product(q, m, sizes, parts);
  if (stores) {
    ${branches.join('\n    else ')}
  }`;
}
