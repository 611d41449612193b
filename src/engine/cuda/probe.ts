/** Whether CUDA would run here: asked before an engine is chosen, without compiling or reserving anything. */
import { existsSync } from 'node:fs';
import { openDriver } from './driver.ts';
import { NoCudaError } from './errors.ts';
import { findLibrary } from './libraries.ts';

export type CudaProbe =
  | { readonly works: true }
  /** `problem`: what keeps a card that is there from being used. */
  | { readonly works: false; readonly problem: string | undefined };

/** What only a machine with an NVIDIA card and its driver has: the driver's device, or its library under WSL. */
const signsOfCards = ['/dev/nvidiactl', '/usr/lib/wsl/lib/libcuda.so.1'];

export async function probeCuda(
  signs: readonly string[] = signsOfCards,
  exists: (path: string) => boolean = existsSync,
): Promise<CudaProbe> {
  if (!signs.some((path) => mayBeSeen(path, exists))) return { works: false, problem: undefined };
  try {
    const { driver, device, cudaMajor } = await openDriver();
    driver.status('cuDevicePrimaryCtxRelease_v2', device);
    for (const library of ['nvrtc', 'cublasLt'] as const) findLibrary(library, cudaMajor);
    return { works: true };
  } catch (error) {
    if (error instanceof NoCudaError) return { works: false, problem: error.message };
    throw error;
  }
}

/** Deno throws for a device, unless everything is allowed; a program that may not look at a card may not use it. */
function mayBeSeen(path: string, exists: (path: string) => boolean): boolean {
  try {
    return exists(path);
  } catch {
    return false;
  }
}
