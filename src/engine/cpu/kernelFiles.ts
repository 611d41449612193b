/** The compiled kernels: chooses one of the four files for this machine. */
import { readAsset } from '#platform';
import { hasRelaxedSimd } from './relaxedSimd.ts';

export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Whether it uses relaxed SIMD. */
  readonly relaxed: boolean;
  /** For display: the instructions it uses. */
  readonly features: string;
}

/** Spelled out, so that bundlers find them. */
const files = {
  plain: new URL('../../../build/kernels.wasm', import.meta.url),
  plainRelaxed: new URL('../../../build/kernels.relaxed.wasm', import.meta.url),
  threads: new URL('../../../build/kernels.threads.wasm', import.meta.url),
  threadsRelaxed: new URL('../../../build/kernels.threads.relaxed.wasm', import.meta.url),
};

/** Compiles the variant of the module that suits this machine: `relaxed` uses relaxed SIMD. */
export async function loadKernelModule(shared: boolean, relaxed = hasRelaxedSimd()): Promise<KernelModule> {
  const url = files[`${shared ? 'threads' : 'plain'}${relaxed ? 'Relaxed' : ''}`];
  const module = await WebAssembly.compile(await readAsset(url));
  return { module, relaxed, features: relaxed ? 'relaxed SIMD' : 'SIMD128' };
}
