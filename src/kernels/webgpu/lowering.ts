import type { Call, Op, Operands } from '../../program/op.ts';
import type { Dispatch, GpuFeatures } from './dispatch.ts';

/** The dispatches that compute a call. They may use their own temporaries: see `scratch` in wgsl.ts. */
export type WebGpuLowering = (call: Call, features: GpuFeatures) => readonly Dispatch[];

/** A row of the WebGPU engine's table. */
export function onWebGpu<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  dispatches: (call: Call<In, Out, A>, features: GpuFeatures) => readonly Dispatch[],
): readonly [Op, WebGpuLowering] {
  return [op as Op, dispatches as unknown as WebGpuLowering];
}
