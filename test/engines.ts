/**
 * The engines that tests run on. WebGPU is among them where there is an adapter; where there must be one, as in
 * CI, PLUSMINUS_REQUIRE_WEBGPU=1 turns a missing one from a skipped test into a failed one.
 */
import { describe } from 'vitest';
import { CpuEngine, type CpuOptions } from '../src/engine/cpu/cpuEngine.ts';
import type { Engine } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { NoGpuError } from '../src/engine/webgpu/errors.ts';
import { WebGpuEngine } from '../src/engine/webgpu/webgpuEngine.ts';

export interface EngineUnderTest {
  readonly name: string;
  readonly skip: boolean;
  create(): Promise<Engine>;
}

/** On several threads, even small kernels are cut into many pieces. */
const cpu = (name: string, threads: number, options: CpuOptions = {}): EngineUnderTest => ({
  name: `cpu, ${name}`,
  skip: false,
  create: () => CpuEngine.create({ threads, poison: true, pieceWork: 1, ...options }),
});

export const cpuEngines = [
  cpu('calling thread', 0),
  cpu('1 thread', 1),
  cpu('2 threads', 2),
  cpu('2 threads, plain SIMD', 2, { relaxedSimd: false }),
  cpu('2 threads, dots of pairs', 2, { byteDots: false }),
  cpu('2 threads, dots of pairs, vectors in pairs', 2, { fusesVectors: true }),
];

export const referenceEngine: EngineUnderTest = {
  name: 'reference',
  skip: false,
  create: async () => new ReferenceEngine(),
};

export const webGpu: EngineUnderTest = {
  name: 'webgpu',
  skip: process.env.PLUSMINUS_REQUIRE_WEBGPU !== '1' && !(await hasAdapter()),
  create: () => WebGpuEngine.create({ poison: true }),
};

/** `describe` for tests that need a GPU. */
export const describeOnGpu = describe.skipIf(webGpu.skip);

async function hasAdapter(): Promise<boolean> {
  try {
    await (await WebGpuEngine.create()).dispose();
    return true;
  } catch (error) {
    if (error instanceof NoGpuError) return false;
    throw error;
  }
}
