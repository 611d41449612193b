/** WebGPU in Node: the package `webgpu` (Dawn), which is heavy and therefore installed by whoever wants it. */
import { NoGpuError, remedy } from './errors.ts';

/**
 * Switches of Dawn: tensor cores are an experiment there, and NVIDIA's f16 is held back. Checking every index costs
 * a factor of two and more; our kernels keep to their tensors by themselves, and an id that comes from outside is
 * held to its table where it is used.
 */
const features = 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,disable_robustness';

let gpu: Promise<GPU> | undefined;

/** One for the process and never let go: Dawn's binding crashes if this is collected before what came from it. */
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
