/** The compiled kernels: chooses one of the four files for this machine. */
import { readAsset } from '#platform';

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

/**
 * Whether the int8 dot product of relaxed SIMD compiles here. The bytes are a module with one function
 * (v128, v128) → v128 whose body is that instruction. Node 20 has it behind a flag only, miscompiled.
 */
function hasRelaxedSimd(): boolean {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 7, 1, 0x60, 2, 0x7b, 0x7b, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const code = [10, 11, 1, 9, 0, 0x20, 0, 0x20, 1, 0xfd, 0x92, 0x02, 0x0b];
  return WebAssembly.validate(new Uint8Array([...header, ...type, ...functions, ...code]));
}
