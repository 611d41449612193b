import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import type { Tensors } from '../../program/op.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { planes, tileHeight } from '../groupedLinear/packed.ts';
import { groupedEmbeddingOp } from './groupedEmbedding.ts';

/** The value of a code whose bits begin at bit `shift` of a byte. */
const values = {
  ...{ ternary: '(byte >> shift & 3) - 1', binary: '2 * (byte >> shift & 1) - 1', i8: 'byte' },
  u4: 'byte >> c / 16 % 2 * 4 & 15',
};

/** y [tokens, width] = scales · codes + offsets of the rows at ids [tokens], in the layout of groupedLinear/packed.ts */
function groupedEmbedding(t: Tensors<'ids' | 'codes' | 'scales' | 'y', 'offsets'>): Launch {
  const type = t.codes.dtype as keyof typeof values;
  const shared = planes[type];
  const height = tileHeight(type);
  const row = `(size_t)first / ${shared} * width`;
  const byte =
    type === 'u4'
      ? `(${row} + c / 32 * 32) / 2 + c % 16`
      : `${row} + c / 4 * 4 * lanes + (id - first) % lanes * 4 + c % 4`;
  return {
    kernel: `groupedEmbedding.${type}.${t.scales.dtype}${t.offsets ? '.offsets' : ''}`,
    body: eachElement(`
    const unsigned id = min((unsigned)ids[i / width], out - 1), c = i % width;
    const unsigned first = id - id % ${height}, rows = min(${height}u, out - first);
    const unsigned lanes = (rows + ${shared - 1}) / ${shared}, shift = (id - first) / lanes * ${8 / shared};
    const int byte = codes[${byte}];
    const size_t at = (size_t)first * groups + c / (width / groups) * rows + (id - first);
    y[i] = (${values[type]}) * toFloat(scales[at])${t.offsets ? ' + offsets[at]' : ''};`),
    tensors: { ...t },
    numbers: { size: t.y.size, width: widthOf(t.codes), groups: widthOf(t.scales), out: sizeOf(t.codes, 0) },
    ...overElements(t.y.size),
  };
}

export const groupedEmbeddingOnCuda = [
  onCuda(groupedEmbeddingOp, ({ inputs, outputs }) => [groupedEmbedding({ ...inputs, ...outputs })]),
];
