/** WebGPU in Node: the package `webgpu` (Dawn), which is large and therefore optional. */
import { NoGpuError, remedy } from './errors.ts';

/**
 * Switches of Dawn: tensor cores are experimental there, and f16 is disabled on NVIDIA by default. Bounds checks on every
 * index cost a factor of two and more; our kernels stay within their tensors, and ids that come from outside are
 * clamped to their table where they are used.
 */
const features = 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,disable_robustness';

let gpu: Promise<GPU> | undefined;

/** One for the process, never released: Dawn's binding crashes if this is collected before the objects that it made. */
export function nodeGpu(): Promise<GPU> {
  gpu ??= open();
  return gpu;
}

async function open(): Promise<GPU> {
  const name = 'webgpu'; // a variable, so that bundlers for browsers don't follow the import
  let dawn: typeof import('webgpu');
  try {
    dawn = await import(/* @vite-ignore */ name);
  } catch (cause) {
    throw new NoGpuError(
      `WebGPU in Node needs the package "webgpu": run "npm install webgpu", or ${remedy}`,
      { cause },
    );
  }
  return dawn.create([features]);
}
