import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { embeddingBackwardOp, embeddingOp } from './embedding.ts';

/** The kernel's number for each type of table. */
const storage = { f32: 0, f16: 1, bf16: 2, i8: 3 } as const;

export const embeddingOnCpu = [
  onCpu(embeddingOp, ({ inputs, outputs }) => {
    const { ids, table } = inputs;
    const type = storage[table.dtype as keyof typeof storage];
    const sizes = { tokens: ids.size, width: widthOf(table), type };
    return [kernelCall('embeddingForward', { ...inputs, ...outputs, ...sizes })];
  }),
  onCpu(embeddingBackwardOp, ({ inputs, outputs }) => {
    const { dTable } = outputs;
    const sizes = { tokens: inputs.ids.size, width: widthOf(dTable), vocabulary: sizeOf(dTable, 0) };
    return [kernelCall('embeddingBackward', { ...inputs, ...outputs, ...sizes })];
  }),
];
