import type { Call, Op, Operands } from '../../program/op.ts';
import type { KernelCall } from './kernelCall.ts';

/** The kernels that compute a call. They may use their own temporaries: see `scratch`. */
export type CpuLowering = (call: Call) => readonly KernelCall[];

/** A row of the CPU engine's table. */
export function onCpu<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  kernels: (call: Call<In, Out, A>) => readonly KernelCall[],
): readonly [Op, CpuLowering] {
  return [op as Op, kernels as unknown as CpuLowering];
}
