/**
 * Products of rounded activations with grouped codes. A word holds four columns of each row that shares it, ready for
 * dot products of bytes. Since Σ q·(w + 1) = Σ q·w + Σ q, and Σ q·(2·bit − 1) = 2·Σ q·bit − Σ q, the sum of the
 * activations is subtracted once for all rows.
 */
import type { Launch } from '../../kernels/cuda/launch.ts';
import { eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { groupOf } from './groupedLinear.ts';
import { tileLanes } from './packed.ts';
import { blockSize, smallest, unitParts } from './reference.ts';

/** x [rows, width] f32; q [rows, width] int8; units [rows, blocks] i32; unit [rows] f32. A warp rounds a block. */
export function roundRows({ x, q, units, unit }: Record<'x' | 'q' | 'units' | 'unit', Tensor>): Launch {
  const [rows, width] = [rowsOf(x), widthOf(x)];
  return {
    kernel: 'roundRows',
    body: eachRow(`
    float top = 0.f;
    for (unsigned c = lane; c < width; c += lanes) top = fmaxf(top, fabsf(x[(size_t)row * width + c]));
    const float one = fmaxf(blockMax(top), ${smallest}f) / ${unitParts}.f;
    if (lane == 0) unit[row] = one;
    for (unsigned b = lane / 32; b < blocks; b += lanes / 32) {
      const unsigned c = b * ${blockSize} + lane % 32;
      const float value = c < width ? x[(size_t)row * width + c] : 0.f;
      const float m = fminf(floorf(warpMax(fabsf(value)) / (127.f * one)) + 1.f, 4095.f);
      if (c < width) q[(size_t)row * width + c] = toInt8(value / (m * one));
      if (lane % 32 == 0) units[row * blocks + b] = (int)m;
    }`),
    tensors: { x, q, units, unit },
    numbers: { rows, width, blocks: Math.ceil(width / blockSize) },
    ...overRows(rows, width),
  };
}

/** Rounded activations, codes and scales as the op has them, y [rows, out]. */
export interface GroupedProduct
  extends Readonly<Record<'q' | 'units' | 'unit' | 'codes' | 'scales' | 'y', Tensor>> {
  readonly offsets: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

export function groupedProduct(t: GroupedProduct): Launch {
  return t.codes.dtype in kinds ? tiles(t) : wideByRow(t);
}

/** Columns whose products are multiplied by one m and one scale, in words, and the sizes that kernels take. */
function sizesOf({ codes, scales, y }: GroupedProduct) {
  const [width, group] = [widthOf(codes), groupOf(codes, scales)];
  const taken = Math.min(group, blockSize);
  const pieces = { pieces: width / taken, perBlock: blockSize / taken, perGroup: group / taken };
  const blocks = Math.ceil(width / blockSize);
  const sizes = { out: sizeOf(codes, 0), words: width / 4, blocks, groups: width / group };
  return { taken, rows: rowsOf(y), numbers: { ...sizes, ...pieces } };
}

/** What kinds of tiles differ in: rows that share a byte, and the worth of a code. */
export const kinds = {
  ternary: { planes: 4, mask: '0x03030303u', value: 'sum - all' },
  binary: { planes: 8, mask: '0x01010101u', value: '2 * sum - all' },
} as const;

/** Threads of a block that computes a tile. */
const threads = 256;

/** A block computes a tile of outputs of one row; a thread, one lane of it in every piece of columns. */
function tiles(t: GroupedProduct): Launch {
  const { planes, mask, value } = kinds[t.codes.dtype as keyof typeof kinds];
  const { taken, rows, numbers } = sizesOf(t);
  const height = planes * tileLanes;
  return {
    kernel: `grouped.${t.codes.dtype}.${t.scales.dtype}.${taken}`,
    body: `
  __shared__ float parts[${threads / 32}][${planes}][${tileLanes}];
  const unsigned tile = blockIdx.x, token = blockIdx.y, l = threadIdx.x % ${tileLanes};
  const unsigned height = min(${height}u, out - tile * ${height}), lanes = (height + ${planes - 1}) / ${planes};
  const unsigned* code = codes + (size_t)tile * ${tileLanes} * words;
  const int* x = q + (size_t)token * words;
  float sums[${planes}] = {};
  if (l < lanes) {
    for (unsigned piece = threadIdx.x / ${tileLanes}; piece < pieces; piece += ${threads / tileLanes}) {
      int all = 0, dots[${planes}] = {};
      for (unsigned k = piece * ${taken / 4}; k < (piece + 1) * ${taken / 4}; k++) {
        const unsigned word = code[(size_t)k * lanes + l];
        const int a = x[k];
        all = dot4(a, 0x01010101, all);
        for (int j = 0; j < ${planes}; j++) dots[j] = dot4(a, (int)(word >> ${8 / planes} * j & ${mask}), dots[j]);
      }
      const int m = units[token * blocks + piece / perBlock];
      const size_t at = (size_t)${height} * tile * groups + piece / perGroup * height + l;
      for (int j = 0; j < ${planes}; j++) {
        const int sum = dots[j];
        if (j * lanes + l < height) sums[j] += (${value}) * m * toFloat(scales[at + j * lanes]);
      }
    }
  }
  for (int j = 0; j < ${planes}; j++) {
    sums[j] += __shfl_xor_sync(~0u, sums[j], 8);
    sums[j] += __shfl_xor_sync(~0u, sums[j], 16);
    if (threadIdx.x % 32 < ${tileLanes}) parts[threadIdx.x / 32][j][l] = sums[j];
  }
  __syncthreads();
  if (threadIdx.x < ${height}) {
    const unsigned j = threadIdx.x / ${tileLanes}, row = j * lanes + l;
    float total = 0.f;
    for (int warp = 0; warp < ${threads / 32}; warp++) total += parts[warp][j][l];
    const unsigned o = tile * ${height} + row;
    if (l < lanes && row < height) y[(size_t)token * out + o] = unit[token] * total + (bias ? bias[o] : 0.f);
  }`,
    tensors: { ...t },
    types: { q: 'int', codes: 'unsigned' },
    numbers,
    ...{ grid: [Math.ceil(numbers.out / height), rows, 1], block: threads },
  };
}

/** Four codes of output `o` from column 4·`k` on, a byte each. */
const fourCodes = {
  i8: 'codes[(size_t)o * words + k]',
  u4: 'codes[((size_t)o * words + k) / 8 * 4 + k % 4] >> k / 4 % 2 * 4 & 0x0f0f0f0f',
};

/** A warp computes an output of one row, of codes of int8 or of four bits. */
function wideByRow(t: GroupedProduct): Launch {
  const { taken, rows, numbers } = sizesOf(t);
  return {
    kernel: `grouped.${t.codes.dtype}.${t.scales.dtype}.${taken}`,
    body: `
  const unsigned o = blockIdx.x * 8 + threadIdx.x / 32, token = blockIdx.y, lane = threadIdx.x % 32;
  if (o >= out) return;
  float total = 0.f;
  for (unsigned piece = lane; piece < pieces; piece += 32) {
    int sum = 0, all = 0;
    for (unsigned k = piece * ${taken / 4}; k < (piece + 1) * ${taken / 4}; k++) {
      const int a = q[(size_t)token * words + k];
      sum = dot4(a, ${fourCodes[t.codes.dtype as keyof typeof fourCodes]}, sum);
      if (offsets) all = dot4(a, 0x01010101, all);
    }
    const int m = units[token * blocks + piece / perBlock];
    const size_t at = (size_t)o * groups + piece / perGroup;
    total += sum * (m * toFloat(scales[at]));
    if (offsets) total += all * m * offsets[at];
  }
  total = warpSum(total);
  if (lane == 0) y[(size_t)token * out + o] = unit[token] * total + (bias ? bias[o] : 0.f);`,
    tensors: { ...t },
    types: { q: 'int', codes: 'int' },
    numbers,
    ...{ grid: [Math.ceil(numbers.out / 8), rows, 1], block: 256 },
  };
}
