/**
 * How kernels spread their work: a thread for each element, or a block for each row. Kernels walk their share in strides,
 * so that any number of blocks is right.
 */
import type { LaunchShape } from './launch.ts';

/** Threads of a block that computes elements. */
export const blockSize = 256;
/** A grid has at most this many blocks along x. */
const maxBlocks = 2 ** 31 - 1;

/** A thread for each of `size` elements. */
export function overElements(size: number): LaunchShape {
  return { grid: [Math.max(Math.ceil(size / blockSize), 1), 1, 1], block: blockSize };
}

/** A block for each of `rows` rows of `width` elements; each thread has about `each` of them. */
export function overRows(rows: number, width: number, each = 4): LaunchShape {
  const threads = 2 ** Math.ceil(Math.log2(Math.max(width / each, 1)));
  return {
    grid: [Math.min(Math.max(rows, 1), maxBlocks), 1, 1],
    block: Math.min(Math.max(threads, 32), 1024),
  };
}

/** A body that computes element `i` of `size`. */
export function eachElement(body: string): string {
  return `
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
    ${body}
  }`;
}

/**
 * A body that computes row `row` of `rows` by a whole block: thread `lane` takes the columns lane, lane + lanes, … (see
 * `eachColumn`), and what they find is combined by `blockSum` and `blockMax`.
 */
export function eachRow(body: string): string {
  return `
  const unsigned lane = threadIdx.x, lanes = blockDim.x;
  for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {
    ${body}
  }`;
}

/** In `eachRow`: a thread's columns `c` of `width`; `i` is the element's index. */
export function eachColumn(body: string): string {
  return `
    for (unsigned c = lane; c < width; c += lanes) {
      const unsigned i = row * width + c;
      ${body}
    }`;
}
