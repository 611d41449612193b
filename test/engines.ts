/**
 * The engines that tests run on. WebGPU is among them where there is an adapter, CUDA where there is an NVIDIA GPU; where
 * there must be one, PLUSMINUS_REQUIRE_WEBGPU=1 (as in CI) and PLUSMINUS_REQUIRE_CUDA=1 (as in npm run test:cuda) turn a
 * missing one from a skipped test into a failed one. Native kernels of the CPU are among them where
 * "npm run build:native" has built them, and must be with PLUSMINUS_REQUIRE_NATIVE=1. With PLUSMINUS_REQUIRE_FUSED=1 (as in
 * npm run test:fused), V8 must fuse vectors.
 */
import { describe } from 'vitest';
import { CpuEngine, type CpuOptions } from '../src/engine/cpu/cpuEngine.ts';
import { CudaEngine, type CudaOptions } from '../src/engine/cuda/cudaEngine.ts';
import { NoCudaError } from '../src/engine/cuda/errors.ts';
import type { Engine } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { NoGpuError } from '../src/engine/webgpu/errors.ts';
import { WebGpuEngine } from '../src/engine/webgpu/webgpuEngine.ts';
import { fusesVectors } from '../src/platform/fusing.ts';
import { nativeVariants } from '../src/platform/nativeLibrary.ts';

export interface EngineUnderTest {
  readonly name: string;
  readonly skip: boolean;
  create(): Promise<Engine>;
}

/** On several threads, even small kernels are cut into many pieces. */
const cpu = (name: string, threads: number, options: CpuOptions = {}): EngineUnderTest => ({
  name: `cpu, ${name}`,
  skip: false,
  create: () => CpuEngine.create({ threads, poison: true, pieceWork: 1, native: false, ...options }),
});

/** Variants of the native kernels that this processor has, the fastest last. */
export const nativeUnderTest = nativeVariants().map(({ variant }) => variant);

if (process.env.PLUSMINUS_REQUIRE_NATIVE === '1' && nativeUnderTest.length === 0)
  throw new Error('PLUSMINUS_REQUIRE_NATIVE=1, but there are no native kernels: run "npm run build:native"');

if (process.env.PLUSMINUS_REQUIRE_FUSED === '1' && !fusesVectors())
  throw new Error('PLUSMINUS_REQUIRE_FUSED=1, but V8 was not told to fuse vectors: run "npm run test:fused"');

export const cpuEngines = [
  cpu('calling thread', 0),
  cpu('1 thread', 1),
  cpu('2 threads', 2),
  cpu('2 threads, plain SIMD', 2, { relaxedSimd: false }),
  cpu('2 threads, dots of pairs', 2, { byteDots: false }),
  cpu('2 threads, dots of pairs, vectors fused', 2, { byteDots: false, fusesVectors: true }),
  ...nativeUnderTest.map((native) => cpu(`2 threads, native ${native}`, 2, { native })),
];

export const referenceEngine: EngineUnderTest = {
  name: 'reference',
  skip: false,
  create: async () => new ReferenceEngine(),
};

export const webGpu: EngineUnderTest = {
  name: 'webgpu',
  skip:
    process.env.PLUSMINUS_REQUIRE_WEBGPU !== '1' && !(await exists(() => WebGpuEngine.create(), NoGpuError)),
  create: () => WebGpuEngine.create({ poison: true }),
};

const hasCuda =
  process.env.PLUSMINUS_REQUIRE_CUDA === '1' || (await exists(() => CudaEngine.create(), NoCudaError));

const onCuda = (name: string, options: CudaOptions): EngineUnderTest => ({
  name,
  skip: !hasCuda,
  create: () => CudaEngine.create({ poison: true, ...options }),
});

/** Products in f32, which are held to the tolerances of the CPU; small ones are in any case. */
export const cuda = onCuda('cuda', { minHalfWork: Number.POSITIVE_INFINITY });

/** Small products in bf16 too, and int8 on tensor cores, as large ones are. */
export const cudaInHalves = onCuda('cuda, tensor cores', { minHalfWork: 2 ** 16 });

export const gpuEngines = [webGpu, cuda];

/** Whether the engine of this name takes sums in another order for another number of rows. */
export function isOnGpu(name: string): boolean {
  return name === webGpu.name || name.startsWith(cuda.name);
}

/** `describe` for tests that need WebGPU. */
export const describeOnGpu = describe.skipIf(webGpu.skip);

async function exists(
  create: () => Promise<Engine>,
  missing: typeof NoGpuError | typeof NoCudaError,
): Promise<boolean> {
  try {
    await (await create()).dispose();
    return true;
  } catch (error) {
    if (error instanceof missing) return false;
    throw error;
  }
}
