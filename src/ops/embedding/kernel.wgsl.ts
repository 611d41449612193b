import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { startSumKernel } from '../../kernels/webgpu/startSum.wgsl.ts';
import { elementKernel, overElements, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** Entry `at` of the table, by its type; two or four narrow entries share a word. */
const entry = {
  f32: 'table[at]',
  f16: 'unpack2x16float(table[at >> 1u])[at & 1u]',
  i8: 'f32(extractBits(bitcast<i32>(table[at >> 2u]), 8u * (at & 3u), 8u)) * scales[id]',
  bf16: 'bitcast<f32>(select(table[at >> 1u] << 16u, table[at >> 1u] & 0xffff0000u, (at & 1u) == 1u))',
};

/** y [tokens, width] = table [vocabulary, width] (· scales [vocabulary]) at ids [tokens] */
export function embeddingForward(
  ids: Tensor,
  table: Tensor,
  scales: Tensor | undefined,
  y: Tensor,
): Dispatch {
  return {
    shader: 'embeddingForward',
    code: elementKernel(`
      let id = min(u32(ids[i / p.width]), p.vocabulary - 1u);
      let at = id * p.width + i % p.width;
      y[i] = ${entry[table.dtype as keyof typeof entry]};`),
    tensors: { ids, table, scales, y },
    numbers: { size: y.size, width: widthOf(table), vocabulary: rowsOf(table) },
    workgroups: overElements(y.size),
  };
}

/**
 * dTable [vocabulary, width] = before, plus dy [tokens, width] at ids. The first token of an id sums for all tokens with
 * that id, in their order: no two invocations write one element. For this, each token gets the index of the next token
 * with its id, and whether there is an earlier one.
 */
export function embeddingBackward(
  { ids, dy, dTable }: Record<'ids' | 'dy' | 'dTable', Tensor>,
  before: Tensor | undefined,
): Dispatch[] {
  const [tokens, width] = [ids.size, widthOf(dTable)];
  const next = scratch('next', [tokens], 'i32');
  const repeated = scratch('repeated', [tokens], 'i32');
  return [
    startSumKernel(dTable, before),
    {
      shader: 'embeddingNext',
      code: elementKernel(`
      let id = ids[i];
      var later = i + 1u;
      while (later < p.size && ids[later] != id) { later++; }
      next[i] = i32(later);
      var earlier = i;
      while (earlier > 0u && ids[earlier - 1u] != id) { earlier--; }
      repeated[i] = select(0, 1, earlier > 0u);`),
      tensors: { ids, next, repeated },
      numbers: { size: tokens },
      workgroups: overElements(tokens),
    },
    {
      shader: 'embeddingBackward',
      code: rowKernel(
        width,
        `
    if (repeated[row] == 0) {
      let first = min(u32(ids[row]), p.vocabulary - 1u) * p.width;
      for (var c = lane; c < p.width; c += lanes) {
        var sum = dTable[first + c];
        for (var token = row; token < p.rows; token = u32(next[token])) { sum += dy[token * p.width + c]; }
        dTable[first + c] = sum;
      }
    }`,
      ),
      tensors: { ids, next, repeated, dy, dTable },
      numbers: { rows: tokens, width, vocabulary: rowsOf(dTable) },
      workgroups: overRows(tokens),
    },
  ];
}
