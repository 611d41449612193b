/** The two quantisers of BitLinear: normalised activations to int8, weights to packed ternary. */
import type { Launch } from '../../kernels/cuda/launch.ts';
import { eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { blocksOf, eachPiece, type OneOfMany, overTensors } from '../../kernels/cuda/tensors.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { epsilon } from './reference.ts';

/** Four neighbouring columns of a row, zeros past its end. */
const fourColumns = `
__device__ inline float4 fourColumns(const float* row, unsigned word, unsigned width) {
  if (width % 4 == 0) return 4 * word < width ? ((const float4*)row)[word] : make_float4(0.f, 0.f, 0.f, 0.f);
  const unsigned c = 4 * word;
  return make_float4(c < width ? row[c] : 0.f, c + 1 < width ? row[c + 1] : 0.f, c + 2 < width ? row[c + 2] : 0.f,
                     c + 3 < width ? row[c + 3] : 0.f);
}
`;

/**
 * x [rows, width] to q [rows, words·4] int8, zero past `width`, with step and sum [rows]; by the RMSNorm of weight `norm`
 * [width] if there is one.
 */
export function quantiseActivations(
  t: Record<'x' | 'q' | 'step' | 'sum', Tensor> & { readonly norm?: Tensor | undefined },
): Launch {
  const { x, norm, q, step, sum } = t;
  const [rows, width, words] = [rowsOf(x), widthOf(x), widthOf(q) / 4];
  const factor = norm ? ' * r * fourColumns(norm, word, width)' : '';
  const value = `fourColumns(x + (size_t)row * width, word, width)${factor}`;
  return {
    kernel: norm ? 'quantiseNormed' : 'quantise',
    functions: fourColumns,
    body: eachRow(`
    ${
      norm
        ? `float squares = 0.f;
    for (unsigned c = lane; c < width; c += lanes) squares += x[(size_t)row * width + c] * x[(size_t)row * width + c];
    const float r = 1.f / sqrtf(blockSum(squares) / width + epsilon);`
        : ''
    }
    float top = 0.f;
    for (unsigned word = lane; word < words; word += lanes) top = fmaxf(top, largestOf(${value}));
    const float largest = fmaxf(blockMax(top), 1e-5f), s = 127.f / largest;
    int total = 0;
    for (unsigned word = lane; word < words; word += lanes) {
      const float4 four = ${value} * s;
      const int a = toInt8(four.x), b = toInt8(four.y), c = toInt8(four.z), d = toInt8(four.w);
      total += a + b + c + d;
      q[(size_t)row * words + word] = packInt8(a, b, c, d);
    }
    total = blockSum(total);
    if (lane == 0) {
      step[row] = largest / 127.f;
      sum[row] = total;
    }`),
    tensors: { x, norm, q, step, sum },
    types: { q: 'unsigned' },
    numbers: { rows, width, words, epsilon: { f32: epsilon } },
    ...overRows(rows, width),
  };
}

/** A byte of four rows: column `c` of each. */
const packSingly = eachPiece(`
    unsigned byte = 0;
    for (unsigned plane = 0; plane < 4; plane++) {
      const unsigned row = i / width + plane * packed;
      const float w = row < out ? weight[(size_t)row * width + i % width] : 0.f;
      byte |= (1 + (w > half) - (w < -half)) << 2 * plane;
    }
    codes[i] = byte;`);

/** Four columns of four rows. */
const packFours = eachPiece(`
    unsigned word = 0;
    #pragma unroll
    for (unsigned plane = 0; plane < 4; plane++) {
      const float4 w = ((const float4*)weight)[i + (size_t)plane * pieces];
      const unsigned four = packInt8(1 + (w.x > half) - (w.x < -half), 1 + (w.y > half) - (w.y < -half),
                                     1 + (w.z > half) - (w.z < -half), 1 + (w.w > half) - (w.w < -half));
      word |= four << 2 * plane;
    }
    ((unsigned*)codes)[i] = word;`);

export type QuantisedWeight = Readonly<Record<'weight' | 'codes' | 'scale', Tensor>>;

/** Each weight [out, width] to packed codes of the same logical shape and their scale [1]. */
export function quantiseWeights(all: readonly QuantisedWeight[]): Launch[] {
  return [true, false].flatMap((isWide) => {
    const alike = all.filter(({ weight: { shape } }) => shape.every((size) => size % 4 === 0) === isWide);
    return alike.length ? quantiseAlike(alike, isWide) : [];
  });
}

function quantiseAlike(all: readonly QuantisedWeight[], isWide: boolean): Launch[] {
  const pieces = all.map(({ weight: { size } }) => (isWide ? size / 4 : size));
  const counts = pieces.map(blocksOf);
  const firstPart = counts.map((_, n) => counts.slice(0, n).reduce((sum, count) => sum + count, 0));
  const parts = scratch('weightScale.parts', [counts.reduce((sum, count) => sum + count, 0)]);
  const kind = isWide ? '.4' : '';
  return [
    ...overTensors(
      all.map(({ weight }, n): OneOfMany => ({ pieces: pieces[n]!, operands: { weight } })),
      {
        kernel: `absoluteSum${kind}`,
        body: `float sum = 0.f;
  ${eachPiece(
    isWide
      ? 'const float4 w = ((const float4*)weight)[i]; sum += fabsf(w.x) + fabsf(w.y) + (fabsf(w.z) + fabsf(w.w));'
      : 'sum += fabsf(weight[i]);',
  )}
  const float total = blockSum(sum);
  if (threadIdx.x == 0) parts[firstBlock + block] = total;`,
        tensors: { parts },
        numbers: {},
      },
    ),
    ...overTensors(
      all.map(({ weight, codes, scale }, n): OneOfMany => {
        const [out, width] = weight.shape as [number, number];
        const packed = Math.ceil(out / 4);
        return {
          pieces: isWide ? (packed * width) / 4 : packed * width,
          operands: { weight, codes, scale, out, width, packed, firstPart: firstPart[n]!, count: counts[n]! },
        };
      }),
      {
        kernel: `packWeights${kind}`,
        // Rounding w / t to a ternary value is comparing |w| with t / 2; a tie goes to the even 0.
        body: `float sum = 0.f;
  for (unsigned k = threadIdx.x; k < count; k += blockDim.x) sum += parts[firstPart + k];
  const float found = fmaxf(blockSum(sum) / ((float)out * width), 1e-5f), half = 0.5f * found;
  if (block == 0 && threadIdx.x == 0) scale[0] = found;
  ${isWide ? packFours : packSingly}`,
        tensors: { parts },
        numbers: {},
      },
    ),
  ];
}
