/**
 * Recurrences in chunks of tokens, so that long sequences keep a GPU busy. A chunk maps the state before it to the one
 * after it; every chunk finds for itself what that map is, then each one combines those of the chunks before it, and
 * walks its tokens from the state that it starts with. A backward pass is the same from the end. One thread takes one
 * column of one chunk.
 */
import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Launch } from './launch.ts';
import { eachElement, overElements } from './shapes.ts';
import { startSum } from './sums.cuda.ts';

/** Threads that keep a large GPU busy. */
const enoughThreads = 2 ** 18;
/** Tokens of a chunk: fewer would spend more on combining than on walking. */
const minTokens = 16;

export interface Chunks {
  readonly count: number;
  readonly batch: number;
  readonly width: number;
  readonly numbers: Launch['numbers'];
  readonly size: number;
}

/** x [batch, length, width] in chunks. */
export function chunksOf(x: Tensor): Chunks {
  const [batch, length, width] = x.shape as [number, number, number];
  const wanted = Math.ceil(enoughThreads / (batch * width));
  const tokens = Math.min(Math.max(Math.ceil(length / wanted), minTokens), length);
  const count = Math.ceil(length / tokens);
  const size = batch * count * width;
  return { count, batch, width, size, numbers: { size, length, width, tokens, chunks: count } };
}

/** What chunks tell each other, `values` of each column. */
export function chunkMaps({ batch, count, width }: Chunks, values: number): Tensor {
  return scratch('maps', [values, batch, count, width]);
}

/**
 * A launch of the chunks' threads, of which each, `i` of `size`, has its `sequence`, `chunk`, column `c` and tokens from
 * `begin` to before `end`.
 */
export function overChunks(
  kernel: string,
  { numbers, size }: Chunks,
  tensors: Launch['tensors'],
  { functions, body }: { readonly functions: string; readonly body: string },
  more: Launch['numbers'] = {},
): Launch {
  const place = `
    const unsigned c = i % width, chunk = i / width % chunks, sequence = i / width / chunks;
    const unsigned begin = chunk * tokens, end = min(begin + tokens, length);`;
  return {
    ...{ kernel, functions, body: eachElement(place + body), tensors },
    numbers: { ...numbers, ...more },
    ...overElements(size),
  };
}

/** Code over the chunks before one's own, in order; `other` is the element of their maps. */
export function earlierChunks(body: string): string {
  return otherChunks('unsigned k = 0; k < chunk; k++', 'k', body);
}

/** Code over the chunks after one's own, from the last one. */
export function laterChunks(body: string): string {
  return otherChunks('unsigned k = chunks; k > chunk + 1; k--', 'k - 1', body);
}

function otherChunks(loop: string, chunk: string, body: string): string {
  return `for (${loop}) {
      const unsigned other = (sequence * chunks + ${chunk}) * width + c;
      ${body}
    }`;
}

/** A copy of `tensor`, if there is one and if chunks read it while one of them writes to its memory. */
export function copyOf(
  tensor: Tensor | undefined,
  { count }: Chunks,
): { copy: Tensor | undefined; steps: Launch[] } {
  if (!tensor || count === 1) return { copy: tensor, steps: [] };
  const copy = scratch('copy', tensor.shape);
  return { copy, steps: [startSum(copy, tensor)] };
}
