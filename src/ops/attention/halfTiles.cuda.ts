/**
 * Parts of attention on tensor cores: a block of warps processes rows of a head (queries, or keys), which it keeps in
 * shared memory, against tiles of others (keys, or queries), of which the next one is on its way meanwhile. Operands are
 * bf16, sums f32. A warp owns 16 · `strips` rows; its scores stay in registers, where they become operands themselves.
 */
import type { CudaFeatures } from '../../kernels/cuda/launch.ts';
import { matrices } from '../../kernels/cuda/matrices.cuda.ts';
import { eachPiece, overTensors } from '../../kernels/cuda/tensors.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { AttentionSizes } from './reference.ts';

/** How a kernel's work is cut. */
export interface Tiling {
  readonly warps: number;
  /** Strips of 16 rows of a warp. */
  readonly strips: number;
  /** Rows of a tile of others. */
  readonly others: number;
}

/** Whether heads fit and attention is worth the conversion of its operands. */
export function suits(
  { batch, length, heads, headSize }: AttentionSizes,
  { minHalfWork }: CudaFeatures,
): boolean {
  const products = batch * heads * length * (length + 1) * headSize;
  return headSize % 16 === 0 && headSize <= 128 && products >= minHalfWork;
}

/** Rows of a block. */
export const ownRows = ({ warps, strips }: Tiling) => 16 * strips * warps;

/** Bytes of a head's row in shared memory. */
const rowBytes = (headSize: number) => 2 * (headSize + 8);

/** Bytes of shared memory: the block's rows, two tiles of others, and more; `operands` of each. */
export function sharedBytes(tiling: Tiling, headSize: number, operands: { own: number; others: number }) {
  return (operands.own * ownRows(tiling) + 2 * operands.others * tiling.others) * rowBytes(headSize);
}

/** Tensors as bf16, and the launch that converts those that are not. */
export function narrow<Names extends string>(tensors: Readonly<Record<Names, Tensor>>) {
  const entries = Object.entries<Tensor>(tensors).flatMap(([name, x]) =>
    x.dtype === 'bf16' ? [] : [[name, { x, y: scratch(`${name}.bf16`, x.shape, 'bf16') }] as const],
  );
  const steps = overTensors(
    entries.map(([, operands]) => ({ pieces: operands.x.size / 8, operands })),
    {
      kernel: 'narrowAll',
      body: eachPiece(`
      const float4 a = ((const float4*)x)[2 * i], b = ((const float4*)x)[2 * i + 1];
      ((uint4*)y)[i] = make_uint4(twoBf16(a.x, a.y), twoBf16(a.z, a.w), twoBf16(b.x, b.y), twoBf16(b.z, b.w));`),
      ...{ tensors: {}, numbers: {} },
    },
  );
  const narrowed = Object.fromEntries(entries.map(([name, { y }]) => [name, y]));
  return { narrowed: { ...tensors, ...narrowed } as Record<Names, Tensor>, steps };
}

/** `size` of a head, `own` rows of a block, `others` of a tile, and functions over them. */
export function tileFunctions(headSize: number, tiling: Tiling): string {
  return `${matrices}
constexpr int size = ${headSize}, stride = size + 8, own = ${ownRows(tiling)}, others = ${tiling.others};
constexpr int strips = ${tiling.strips}, threads = ${32 * tiling.warps};
/** In shared memory, of a row and of a tile of others. */
constexpr unsigned rowBytes = 2 * stride, tileBytes = others * rowBytes;
/** Sums of a warp's rows: over a tile's others, or over a head's columns. */
typedef float Scores[strips][others / 8][4];
typedef float Columns[strips][size / 8][4];
${copying}${products}${storing}`;
}

const copying = `
/** Begins to copy \`rows\` rows of a head, from row \`first\` of \`length\` on, that are \`width\` elements apart. */
template <int rows> __device__ inline void copyRows(unsigned to, const bf16* from, unsigned width, unsigned first, unsigned length) {
  #pragma unroll
  for (int i = threadIdx.x; i < rows * (size / 8); i += threads) {
    const unsigned r = i / (size / 8), c = i % (size / 8), row = first + r;
    copySixteen(to + r * rowBytes + 16 * c, from + (size_t)min(row, length - 1) * width + 8 * c, row < length);
  }
}
`;

const products = `
/** scores = rows of the warp · others of a tile */
__device__ inline void rowProducts(Scores& scores, unsigned rows, unsigned tile) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned left = rows + lane % 16 * rowBytes + lane / 16 * 16;
  const unsigned right = tile + (lane / 16 * 8 + lane % 8) * rowBytes + lane / 8 % 2 * 16;
  #pragma unroll
  for (int m = 0; m < strips; m++)
    #pragma unroll
    for (int n = 0; n < others / 8; n++) for (int i = 0; i < 4; i++) scores[m][n][i] = 0.f;
  #pragma unroll
  for (int k = 0; k < size; k += 16) {
    unsigned a[strips][4];
    #pragma unroll
    for (int m = 0; m < strips; m++) loadMatrices(a[m], left + 16 * m * rowBytes + 2 * k);
    #pragma unroll
    for (int n = 0; n < others; n += 16) {
      unsigned b[4];
      loadMatrices(b, right + n * rowBytes + 2 * k);
      #pragma unroll
      for (int m = 0; m < strips; m++) {
        multiplyInto(scores[m][n / 8], a[m], b[0], b[1]);
        multiplyInto(scores[m][n / 8 + 1], a[m], b[2], b[3]);
      }
    }
  }
}

/** sums += weights of the warp's rows · others of a tile */
__device__ inline void addWeighted(Columns& sums, const Scores& weights, unsigned tile) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned right = tile + lane % 16 * rowBytes + lane / 16 * 16;
  #pragma unroll
  for (int k = 0; k < others; k += 16) {
    unsigned a[strips][4];
    #pragma unroll
    for (int m = 0; m < strips; m++)
      #pragma unroll
      for (int i = 0; i < 4; i++) a[m][i] = twoBf16(weights[m][k / 8 + i / 2][i % 2 * 2], weights[m][k / 8 + i / 2][i % 2 * 2 + 1]);
    #pragma unroll
    for (int n = 0; n < size; n += 16) {
      unsigned b[4];
      loadTransposed(b, right + k * rowBytes + 2 * n);
      #pragma unroll
      for (int m = 0; m < strips; m++) {
        multiplyInto(sums[m][n / 8], a[m], b[0], b[1]);
        multiplyInto(sums[m][n / 8 + 1], a[m], b[2], b[3]);
      }
    }
  }
}
`;

const storing = `
__device__ inline void storeTwo(float* y, float a, float b) { *(float2*)y = make_float2(a, b); }
__device__ inline void storeTwo(bf16* y, float a, float b) { *(unsigned*)y = twoBf16(a, b); }

/** Stores sums · factor of the warp's rows, of which the first is row \`first\` of \`length\`, \`width\` elements apart. */
template <typename T> __device__ inline void storeRows(T* to, const Columns& sums, const float (&factors)[strips][2], unsigned width, unsigned first, unsigned length) {
  const unsigned lane = threadIdx.x % 32;
  #pragma unroll
  for (int m = 0; m < strips; m++)
    #pragma unroll
    for (int h = 0; h < 2; h++) {
      const unsigned row = first + 16 * m + 8 * h + lane / 4;
      if (row >= length) continue;
      T* at = to + (size_t)row * width + lane % 4 * 2;
      #pragma unroll
      for (int n = 0; n < size / 8; n++)
        storeTwo(at + 8 * n, sums[m][n][2 * h] * factors[m][h], sums[m][n][2 * h + 1] * factors[m][h]);
    }
}
`;
