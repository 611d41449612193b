import type { Call, Op, Operands } from '../../program/op.ts';
import type { CudaFeatures, Step } from './launch.ts';

/** The steps that compute a call. They may use temporaries of their own: see scratch.ts. */
export type CudaLowering = (call: Call, features: CudaFeatures) => readonly Step[];

/** A row of the CUDA engine's table. */
export function onCuda<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  steps: (call: Call<In, Out, A>, features: CudaFeatures) => readonly Step[],
): readonly [Op, CudaLowering] {
  return [op as Op, steps as unknown as CudaLowering];
}
