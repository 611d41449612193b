/**
 * Recurrences in chunks of tokens, so that long sequences keep a GPU busy. A chunk maps the state before it to the state
 * after it. Every chunk first computes its map; then each combines the maps of the chunks before it and processes its
 * tokens from the state that results. A backward pass does the same from the end. One invocation takes one column of one
 * chunk.
 */

import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Dispatch } from './dispatch.ts';
import { startSumKernel } from './startSum.wgsl.ts';
import { elementKernel, overElements } from './wgsl.ts';

/** Invocations that keep a large GPU busy. */
const enoughInvocations = 2 ** 17;
/** Minimum tokens of a chunk: with fewer, combining would cost more than processing. */
const minTokens = 16;

export interface Chunks {
  readonly count: number;
  readonly batch: number;
  readonly width: number;
  readonly numbers: Dispatch['numbers'];
  readonly workgroups: Dispatch['workgroups'];
}

/** x [batch, length, width] in chunks. */
export function chunksOf(x: Tensor): Chunks {
  const [batch, length, width] = x.shape as [number, number, number];
  const wanted = Math.ceil(enoughInvocations / (batch * width));
  const tokens = Math.min(Math.max(Math.ceil(length / wanted), minTokens), length);
  const count = Math.ceil(length / tokens);
  const size = batch * count * width;
  const numbers = { size, length, width, tokens, chunks: count };
  return { count, batch, width, numbers, workgroups: overElements(size) };
}

/** The maps that chunks exchange, `values` for each column, in one tensor, because bindings are few. */
export function chunkMaps({ batch, count, width }: Chunks, values: number): Tensor {
  return scratch('maps', [values, batch, count, width]);
}

/**
 * A dispatch of the chunks' invocations. Each invocation `i` of `p.size` has its `sequence`, `chunk`, column `c` and
 * tokens from `begin` to before `end`. `functions` are declared before the entry point.
 */
export function overChunks(
  shader: string,
  { numbers, workgroups }: Chunks,
  tensors: Dispatch['tensors'],
  { functions, body }: { readonly functions: string; readonly body: string },
  more: Dispatch['numbers'] = {},
): Dispatch {
  const place = `
      let c = i % p.width;
      let chunk = i / p.width % p.chunks;
      let sequence = i / p.width / p.chunks;
      let begin = chunk * p.tokens;
      let end = min(begin + p.tokens, p.length);`;
  return {
    shader,
    code: functions + elementKernel(place + body),
    tensors,
    numbers: { ...numbers, ...more },
    workgroups,
  };
}

/** WGSL over the chunks before the invocation's own, in order; `other` is the index of their maps. */
export function earlierChunks(body: string): string {
  return otherChunks('var k = 0u; k < chunk; k++', 'k', body);
}

/** WGSL over the chunks after the invocation's own, from the last one. */
export function laterChunks(body: string): string {
  return otherChunks('var k = p.chunks; k > chunk + 1u; k--', 'k - 1u', body);
}

function otherChunks(loop: string, chunk: string, body: string): string {
  return `for (${loop}) {
        let other = (sequence * p.chunks + ${chunk}) * p.width + c;
        ${body}
      }`;
}

/** A copy of `tensor`, if it exists and if chunks read it while one of them writes to its memory. */
export function copyOf(
  tensor: Tensor | undefined,
  { count }: Chunks,
): { copy: Tensor | undefined; dispatches: Dispatch[] } {
  if (!tensor || count === 1) return { copy: tensor, dispatches: [] };
  const copy = scratch('copy', tensor.shape);
  return { copy, dispatches: [startSumKernel(copy, tensor)] };
}
