import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectGrouped, type GroupedMatrix, rowsOfCodes } from '../groupedLinear/groupedLinear.ts';
import { groupedEmbeddingReference } from './reference.ts';

/**
 * Rows of a table of codes with a scale, and maybe an offset, for each group of neighbouring entries, as `groupedLinear` stores its matrices
 * (a tied head is the same tensor): ids [..] i32 give [.., width] f32. Ids must be in [0, vocabulary); whoever writes
 * them to the engine checks that.
 */
export function groupedEmbedding(
  ids: Tensor,
  { codes, scales, offsets }: Omit<GroupedMatrix, 'bias'>,
): Tensor {
  expectGrouped('groupedEmbedding', { codes, scales, offsets });
  return emit(groupedEmbeddingOp, { ids, codes, scales, offsets }).y;
}

export const groupedEmbeddingOp: Op<Tensors<'ids' | 'codes' | 'scales', 'offsets'>, Tensors<'y'>> = {
  name: 'groupedEmbedding',
  outputs: ({ ids, codes }) => ({ y: { shape: [...ids.shape, widthOf(codes)] } }),
  cost: (call) => {
    const { ids, codes, scales, offsets } = call.inputs;
    const bytesPerRow = (codes.bytes + scales.bytes + (offsets?.bytes ?? 0)) / sizeOf(codes, 0);
    const { size } = call.outputs.y;
    return cost(
      call,
      { multiplications: size, ...(offsets ? { additions: size } : {}) },
      ids.bytes + ids.size * bytesPerRow,
    );
  },
  reference({ inputs: { ids, ...table }, outputs: { y } }, data) {
    groupedEmbeddingReference(data(ids), rowsOfCodes(table, data), data(y));
  },
  backward({ inputs: { codes } }) {
    throw new Error(
      `groupedEmbedding has no gradient: ${codes} holds codes, for inference only; train a float table`,
    );
  },
};
