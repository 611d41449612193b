import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectGrouped, type GroupedMatrix, rowsOfCodes } from '../groupedLinear/groupedLinear.ts';
import { groupedEmbeddingReference } from './reference.ts';

/**
 * Rows of a table of codes with a scale for each group of neighbouring entries, as `groupedLinear` stores its matrices
 * (a tied head is the same tensor): ids [..] i32 give [.., width] f32. Ids must be in [0, vocabulary); whoever writes
 * them to the engine checks that.
 */
export function groupedEmbedding(ids: Tensor, { codes, scales }: Omit<GroupedMatrix, 'bias'>): Tensor {
  expectGrouped('groupedEmbedding', codes, scales);
  return emit(groupedEmbeddingOp, { ids, codes, scales }).y;
}

export const groupedEmbeddingOp: Op<Tensors<'ids' | 'codes' | 'scales'>, Tensors<'y'>> = {
  name: 'groupedEmbedding',
  outputs: ({ ids, codes }) => ({ y: { shape: [...ids.shape, widthOf(codes)] } }),
  cost: (call) => {
    const { ids, codes, scales } = call.inputs;
    const bytesPerRow = (codes.bytes + scales.bytes) / sizeOf(codes, 0);
    return cost(call, { multiplications: call.outputs.y.size }, ids.bytes + ids.size * bytesPerRow);
  },
  reference({ inputs: { ids, codes, scales }, outputs: { y } }, data) {
    groupedEmbeddingReference(data(ids), rowsOfCodes(codes, scales, data), data(y));
  },
  backward({ inputs: { codes } }) {
    throw new Error(
      `groupedEmbedding has no gradient: ${codes} holds codes, for inference only; train a float table`,
    );
  },
};
