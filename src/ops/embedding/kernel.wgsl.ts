import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSumKernel } from '../fill/kernel.wgsl.ts';
import { widthOf } from '../shapes.ts';
import { elementKernel, overElements } from '../wgsl.ts';

/** Entry `at` of the table, by its type; narrow ones lie two to a word. */
const entry = {
  f32: 'table[at]',
  f16: 'unpack2x16float(table[at >> 1u])[at & 1u]',
  bf16: 'bitcast<f32>(select(table[at >> 1u] << 16u, table[at >> 1u] & 0xffff0000u, (at & 1u) == 1u))',
};

/** y [tokens, width] = table [vocabulary, width] at ids [tokens] */
export function embeddingForward(ids: Tensor, table: Tensor, y: Tensor): Dispatch {
  return {
    shader: 'embeddingForward',
    code: elementKernel(`
      let at = u32(ids[i / p.width]) * p.width + i % p.width;
      y[i] = ${entry[table.dtype as keyof typeof entry]};`),
    tensors: { ids, table, y },
    numbers: { size: y.size, width: widthOf(table) },
    workgroups: overElements(y.size),
  };
}

/**
 * dTable [vocabulary, width] = before, plus dy [tokens, width] at ids. The first token of an id sums for all of
 * them, in their order: no two invocations write one element.
 */
export function embeddingBackward(
  { ids, dy, dTable }: Record<'ids' | 'dy' | 'dTable', Tensor>,
  before: Tensor | undefined,
): Dispatch[] {
  const width = widthOf(dTable);
  return [
    startSumKernel(dTable, before),
    {
      shader: 'embeddingBackward',
      code: `
@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var token = group.y; token < p.tokens; token += groups.y) {
    var first = 0u;
    while (ids[first] != ids[token]) { first++; }
    if (first == token && id.x < p.width) {
      let at = u32(ids[token]) * p.width + id.x;
      var sum = dTable[at];
      for (var t = token; t < p.tokens; t++) {
        if (ids[t] == ids[token]) { sum += dy[t * p.width + id.x]; }
      }
      dTable[at] = sum;
    }
  }
}`,
      tensors: { ids, dy, dTable },
      numbers: { tokens: ids.size, width },
      workgroups: [Math.ceil(width / 64), Math.min(ids.size, 65535), 1],
    },
  ];
}
