/** Sums over all elements, over rows, and copies: what gradients are summed with. Parts are always cut alike. */
import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Launch } from './launch.ts';
import { blockSize, eachElement, eachRow, overElements } from './shapes.ts';

/** Elements for which a block of its own is worth while, and most blocks. */
const minStretch = 4096;
const maxParts = 1024;

/** Into how many parts a sum over all elements of `x` is cut. */
export function sumParts(x: Tensor): number {
  return Math.min(Math.max(Math.ceil(x.size / minStretch), 1), maxParts);
}

/** parts[first + k] = the sum of `term` over part k of x; `term` is an expression of an element of `x`. */
export function partialSums(
  kernel: string,
  x: Tensor,
  term: (value: string) => string,
  parts: Tensor,
  first = 0,
): Launch {
  const rows = sumParts(x);
  const isWide = x.size % 4 === 0;
  const size = isWide ? x.size / 4 : x.size;
  const four = ['x', 'y', 'z', 'w'].map((member) => term(`four.${member}`)).join(' + ');
  return {
    kernel: `${kernel}${isWide ? '.4' : ''}`,
    body: eachRow(`
    float sum = 0.f;
    const unsigned end = min((row + 1) * stretch, size);
    #pragma unroll 4
    for (unsigned i = row * stretch + lane; i < end; i += lanes) {
      ${isWide ? `const float4 four = ((const float4*)x)[i]; sum += ${four};` : `sum += ${term('x[i]')};`}
    }
    const float total = blockSum(sum);
    if (lane == 0) parts[first + row] = total;`),
    tensors: { x, parts },
    numbers: { rows, size, stretch: Math.ceil(size / rows), first },
    ...{ grid: [rows, 1, 1], block: blockSize },
  };
}

/** In a block: the `total` of `parts`, of which there are `count`. */
export const totalOfParts = `
    float sum = 0.f;
    for (unsigned k = threadIdx.x; k < count; k += blockDim.x) sum += parts[k];
    const float total = blockSum(sum);`;

/** y = value */
export function fillForward(y: Tensor, value: number): Launch {
  return {
    kernel: 'fill',
    body: eachElement('y[i] = value;'),
    tensors: { y },
    numbers: { size: y.size, value: { f32: value } },
    ...overElements(y.size),
  };
}

/** y = before, or zeros: what sums over several launches start with. */
export function startSum(y: Tensor, before: Tensor | undefined): Launch {
  if (!before) return fillForward(y, 0);
  return {
    kernel: 'startSum',
    body: eachElement('y[i] = before[i];'),
    tensors: { y, before },
    numbers: { size: y.size },
    ...overElements(y.size),
  };
}

export interface ColumnSums {
  readonly kernel: string;
  readonly rows: number;
  readonly width: number;
  /** An expression of row `row`, column `c` and element `i`. */
  readonly term: string;
  /** What `term` reads. */
  readonly tensors: Launch['tensors'];
  readonly types?: Launch['types'];
  /** The sums [width], and what they are added to; `first` is the column of `y` that column 0 goes to. */
  readonly y: Tensor;
  readonly before?: Tensor | undefined;
  readonly first?: number;
}

const [minRows, maxRowParts] = [64, 256];

/** y = before + Σ over rows, in two stages: parts of the rows side by side, then the parts. */
export function columnSums(t: ColumnSums): Launch[] {
  const { rows, width, first = 0 } = t;
  const parts = Math.min(Math.max(Math.ceil(rows / minRows), 1), maxRowParts);
  const sums = scratch(`${t.kernel}.parts`, [parts, width]);
  return [
    {
      kernel: t.kernel,
      body: columns(
        t.term,
        ['blockIdx.y * stretch', 'min((blockIdx.y + 1) * stretch, rows)'],
        'sums[blockIdx.y * width + c] = total;',
      ),
      tensors: { ...t.tensors, sums },
      ...(t.types ? { types: t.types } : {}),
      numbers: { rows, width, stretch: Math.ceil(rows / parts) },
      ...{ grid: [Math.ceil(width / 32), parts, 1], block: 256 },
    },
    columnTotals(t.kernel, sums, [{ y: t.y, before: t.before }], first),
  ];
}

/** A sum [width], and what it is added to. */
export interface Sum {
  readonly y: Tensor;
  readonly before: Tensor | undefined;
}

/** Sums over rows, one for each plane of parts [planes, rows, width], in one stage: for few rows. */
export function columnTotals(kernel: string, parts: Tensor, sums: readonly Sum[], first = 0): Launch {
  const [rows, width] = parts.shape.slice(-2) as [number, number];
  const store = (_: Sum, plane: number) =>
    `if (blockIdx.z == ${plane}) y${plane}[first + c] = (before${plane} ? before${plane}[first + c] : 0.f) + total;`;
  return {
    kernel: `${kernel}Total`,
    body: columns('parts[blockIdx.z * rows * width + i]', ['0u', 'rows'], sums.map(store).join('\n    ')),
    tensors: {
      parts,
      ...Object.fromEntries(
        sums.flatMap(({ y, before }, plane) => [
          [`y${plane}`, y],
          [`before${plane}`, before],
        ]),
      ),
    },
    numbers: { rows, width, first },
    ...{ grid: [Math.ceil(width / 32), 1, sums.length], block: 256 },
  };
}

/** A block sums 32 columns over the rows [from, to), eight warps taking turns. */
function columns(term: string, [from, to]: readonly [string, string], store: string): string {
  return `
  __shared__ float warps[8][32];
  const unsigned column = threadIdx.x % 32, warp = threadIdx.x / 32, c = blockIdx.x * 32 + column;
  float sum = 0.f;
  if (c < width) {
    const unsigned end = ${to};
    for (unsigned row = ${from} + warp; row < end; row += 8) {
      const unsigned i = row * width + c;
      sum += ${term};
    }
  }
  warps[warp][column] = sum;
  __syncthreads();
  if (warp == 0 && c < width) {
    float total = sum;
    for (int k = 1; k < 8; k++) total += warps[k][column];
    ${store}
  }`;
}
