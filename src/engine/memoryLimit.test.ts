import { describe, expect, it } from 'vitest';
import { constantProgram } from '../../test/constantProgram.ts';
import { cuda, webGpu } from '../../test/engines.ts';
import { CpuEngine } from './cpu/cpuEngine.ts';
import { CudaEngine } from './cuda/cudaEngine.ts';
import { OutOfMemoryError, readFloats } from './engine.ts';
import { WebGpuEngine } from './webgpu/webgpuEngine.ts';

const memoryLimit = 16e6;

describe.each([
  { name: 'cpu, calling thread', skip: false, create: () => CpuEngine.create({ threads: 0, memoryLimit }) },
  { name: 'cpu, 2 threads', skip: false, create: () => CpuEngine.create({ threads: 2, memoryLimit }) },
  { ...webGpu, create: () => WebGpuEngine.create({ memoryLimit }) },
  { ...cuda, create: () => CudaEngine.create({ memoryLimit }) },
])('memory of $name', ({ skip, create }) => {
  it.skipIf(skip)('runs earlier programs after a later one found no room for its temporaries', async () => {
    const engine = await create();
    try {
      const { program, y } = constantProgram(100_000, 3);
      const executable = engine.load(program);
      await executable.run();
      expect(() => engine.load(constantProgram(10_000_000, 1).program)).toThrow(OutOfMemoryError);
      await expect(engine.read(y)).rejects.toThrow(/not an output of the program that ran last/);
      await executable.run();
      expect(await readFloats(engine, y)).toEqual(new Float32Array(100_000).fill(3));
    } finally {
      await engine.dispose();
    }
  });
});
