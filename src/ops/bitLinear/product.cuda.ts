/** The product of int8 rows with packed ternary weights. */
import type { CudaFeatures, Launch, Step } from '../../kernels/cuda/launch.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { TernaryProduct } from './ternaryProduct.ts';

/** From this many rows on, codes are unpacked to int8 once for all of them, and tensor cores multiply. */
const minRows = 64;
const warps = 8;

/** y [rows, out] = q · codesᵀ · step · scale (+ to); `first` is the row of q with which y begins. */
export function ternaryProduct(t: TernaryProduct, features: CudaFeatures): readonly Step[] {
  const [rows, out] = [rowsOf(t.y), widthOf(t.y)];
  return suitsTensorCores(rows, out, widthOf(t.q), features) ? onTensorCores(t) : [thinProduct(t)];
}

/** Wider rows would have sums of more than 22 bits, which kernels that scale sums do not take. */
const maxWidth = 33_000;

/** Whether a product of rows of `width` int8 activations is worth unpacking the codes, and cuBLASLt takes its sizes. */
export function suitsTensorCores(
  rows: number,
  out: number,
  width: number,
  { minHalfWork }: CudaFeatures,
): boolean {
  if (width > maxWidth) return false;
  return rows >= minRows && rows % 16 === 0 && out % 16 === 0 && rows * out * width >= minHalfWork;
}

/** An int8 product with sums in int32, then one pass that scales them. */
function onTensorCores({ q, step, codes, scale, y, to, first = 0 }: TernaryProduct): Step[] {
  const [rows, out] = [rowsOf(y), widthOf(y)];
  const sums = scratch('sums', [rows, out], 'i32');
  return [
    ...integerSums({ q, codes, sums }, first),
    {
      kernel: `scaleSums.${out}${to ? '.add' : ''}`,
      body: eachElement(`
    const float unit = step[first + i / ${out / 4}] * scale[0];
    const int4 sum = ((const int4*)sums)[i];
    float4 found = make_float4(sum.x * unit, sum.y * unit, sum.z * unit, sum.w * unit);
    ${to ? 'found = found + ((const float4*)to)[i];' : ''}
    ((float4*)y)[i] = found;`),
      tensors: { sums, step, scale, to, y },
      numbers: { size: y.size / 4, first },
      ...overElements(y.size / 4),
    },
  ];
}

/** sums [rows, out] i32 = q · codesᵀ, from row `first` of q on */
export function integerSums(
  { q, codes, sums }: Record<'q' | 'codes' | 'sums', Tensor>,
  first: number,
): Step[] {
  const [rows, out, k] = [rowsOf(sums), widthOf(sums), widthOf(q)];
  const bytes = scratch('codes.i8', [out, k], 'i8');
  return [
    unpackCodes(codes, bytes),
    {
      product: 'ternary',
      a: { tensor: q, columns: k, first: first * k },
      b: { tensor: bytes, columns: k, transposed: true },
      ...{ y: sums, m: rows, n: out, k },
    },
  ];
}

/** Codes [out, width] as −1, 0, 1 in int8, bf16 or f32 [out, columns], zeros past `width`. */
export function unpackCodes(codes: Tensor, y: Tensor): Launch {
  const [out, width] = codes.shape as [number, number];
  if (out % 4 === 0 && width % 4 === 0 && widthOf(y) === width && y.dtype !== 'f32')
    return unpackFours(codes, y);
  const packed = Math.ceil(out / 4);
  const value = { i8: 'value', bf16: 'toBf16(value)', f32: 'value' }[y.dtype as 'i8' | 'bf16' | 'f32'];
  return {
    kernel: `unpackCodes.${y.dtype}`,
    body: eachElement(`
    const unsigned row = i / columns, c = i % columns;
    const int byte = c < width ? codes[(size_t)(row % packed) * width + c] : 0x55;
    const int value = (byte >> 2 * (row / packed) & 3) - 1;
    y[i] = ${value};`),
    tensors: { codes, y },
    numbers: { size: y.size, width, packed, columns: widthOf(y) },
    ...overElements(y.size),
  };
}

/** A word of codes for each thread: four columns of four rows. */
function unpackFours(codes: Tensor, y: Tensor): Launch {
  const [out, width] = codes.shape as [number, number];
  const size = (out * width) / 16;
  const isBytes = y.dtype === 'i8';
  const store = isBytes
    ? '((unsigned*)y)[at] = __vsub4(four, 0x01010101u);'
    : `const float a = (int)(four & 3) - 1, b = (int)(four >> 8 & 3) - 1, c = (int)(four >> 16 & 3) - 1, d = (int)(four >> 24) - 1;
      ((uint2*)y)[at] = make_uint2(twoBf16(a, b), twoBf16(c, d));`;
  return {
    kernel: `unpackCodes.${y.dtype}.4`,
    body: eachElement(`
    const unsigned word = ((const unsigned*)codes)[i];
    #pragma unroll
    for (unsigned plane = 0; plane < 4; plane++) {
      const size_t at = i + (size_t)plane * size;
      const unsigned four = word >> 2 * plane & 0x03030303u;
      ${store}
    }`),
    tensors: { codes, y },
    numbers: { size },
    ...overElements(size),
  };
}

/** Four columns of a packed row: a word whose two lowest bits of each byte belong to the first quarter of rows. */
const codesWord = `
__device__ inline unsigned codesWord(const unsigned char* row, unsigned word, unsigned width) {
  if (width % 4 == 0) return 4 * word < width ? ((const unsigned*)row)[word] : 0u;
  unsigned w = 0;
  for (unsigned k = 0; k < 4 && 4 * word + k < width; k++) w |= (unsigned)row[4 * word + k] << 8 * k;
  return w;
}
`;

/**
 * A warp takes one packed row of weights, four rows of outputs, for up to eight rows of activations. A code is a weight
 * and one, so the sum of the row's activations is taken off again.
 */
function thinProduct({ q, step, sum, codes, scale, y, to, first = 0 }: TernaryProduct): Launch {
  const [out, width] = codes.shape as [number, number];
  const [rows, packed] = [rowsOf(y), Math.ceil(out / 4)];
  const tile = Math.min(2 ** Math.ceil(Math.log2(rows)), 8);
  return {
    kernel: `ternaryProduct.${tile}`,
    functions: codesWord,
    body: `
  const unsigned row = blockIdx.x * ${warps} + threadIdx.x / 32, lane = threadIdx.x % 32, begin = blockIdx.y * ${tile};
  if (row >= packed) return;
  const unsigned count = min(${tile}u, rows - begin);
  int sums[${tile}][4] = {};
  for (unsigned word = lane; word < words; word += 32) {
    const unsigned w = codesWord(codes + (size_t)row * width, word, width);
    for (int n = 0; n < ${tile}; n++) {
      const int x = n < count ? q[(size_t)(first + begin + n) * words + word] : 0;
      for (int plane = 0; plane < 4; plane++) sums[n][plane] = dot4((int)(w >> 2 * plane & 0x03030303u), x, sums[n][plane]);
    }
  }
  const float unit = scale[0];
  for (int n = 0; n < ${tile}; n++) {
    for (int plane = 0; plane < 4; plane++) {
      const int total = warpSum(sums[n][plane]);
      const unsigned o = row + plane * packed;
      if (lane == 0 && n < count && o < out) {
        const size_t at = (size_t)(begin + n) * out + o;
        y[at] = (to ? to[at] : 0.f) + (total - sum[first + begin + n]) * (step[first + begin + n] * unit);
      }
    }
  }`,
    tensors: { q, step, sum, codes, scale, to, y },
    types: { q: 'int' },
    numbers: { rows, width, out, packed, words: widthOf(q) / 4, first },
    ...{ grid: [Math.ceil(packed / warps), Math.ceil(rows / tile), 1], block: 32 * warps },
  };
}
