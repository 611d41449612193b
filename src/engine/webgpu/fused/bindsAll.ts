import type { GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../../program/tensor.ts';

/** Whether a device can bind `tensors` in one shader. */
export function bindsAll(
  tensors: Readonly<Record<string, Tensor | undefined>>,
  features: GpuFeatures,
): boolean {
  return Object.values(tensors).filter(Boolean).length <= features.maxBindings;
}
