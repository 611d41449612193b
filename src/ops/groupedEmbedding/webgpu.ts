import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { floatEntry } from '../../kernels/webgpu/floats.wgsl.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensors } from '../../program/op.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { planes, tileHeight } from '../groupedLinear/packed.ts';
import { groupedEmbeddingOp } from './groupedEmbedding.ts';

export const groupedEmbeddingOnWebGpu = [
  onWebGpu(groupedEmbeddingOp, ({ inputs, outputs }) => [groupedEmbedding({ ...inputs, ...outputs })]),
];

/** The value of a code whose bits begin at bit `shift` of a word. */
const values = {
  ternary: 'f32(extractBits(word, shift, 2u)) - 1.0',
  binary: '2.0 * f32(extractBits(word, shift, 1u)) - 1.0',
  u4: 'f32(extractBits(word, shift + 4u * (c / 16u % 2u), 4u))',
  i8: 'f32(extractBits(bitcast<i32>(word), shift, 8u))',
};

/** y [tokens, width] = scales · codes + offsets of the rows at ids [tokens], in the layout of groupedLinear/packed.ts */
function groupedEmbedding(t: Tensors<'ids' | 'codes' | 'scales' | 'y', 'offsets'>): Dispatch {
  const type = t.codes.dtype as keyof typeof values;
  const shared = planes[type];
  const height = tileHeight(type);
  const word =
    type === 'u4'
      ? 'id * (p.width / 8u) + c / 32u * 4u + c % 16u / 4u'
      : `first / ${shared}u * (p.width / 4u) + (c / 4u) * lanes + (id - first) % lanes`;
  const [out, width, groups] = [sizeOf(t.codes, 0), widthOf(t.codes), widthOf(t.scales)];
  return {
    shader: 'groupedEmbedding',
    code: elementKernel(`
      let id = min(u32(ids[i / p.width]), p.out - 1u);
      let c = i % p.width;
      let first = id - id % ${height}u;
      let rows = min(${height}u, p.out - first);
      let lanes = (rows + ${shared - 1}u) / ${shared}u;
      let word = codes[${word}];
      let shift = 8u * (c % 4u) + (id - first) / lanes * ${8 / shared}u;
      let at = first * p.groups + c / (p.width / p.groups) * rows + (id - first);
      y[i] = (${values[type]}) * ${floatEntry('scales', t.scales.dtype)}${t.offsets ? ' + offsets[at]' : ''};`),
    tensors: { ...t },
    numbers: { size: t.y.size, width, groups, out },
    workgroups: overElements(t.y.size),
  };
}
