import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { constantProgram } from '../../../test/constantProgram.ts';
import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { fill } from '../../ops/fill/fill.ts';
import { cost, type Op } from '../../program/op.ts';
import { emit, record } from '../../program/record.ts';
import { input, variable } from '../../program/tensor.ts';
import { OutOfMemoryError, readFloats } from '../engine.ts';
import { lowerings } from '../lowerings.ts';
import { CpuEngine } from './cpuEngine.ts';
import { Heap } from './heap.ts';

let engine: CpuEngine | undefined;
afterEach(async () => {
  await engine?.dispose();
  engine = undefined;
});

describe('CpuEngine', () => {
  it.each([0, 1, 2, 5])('runs programs on %i threads, again and again', async (threads) => {
    engine = await CpuEngine.create({ threads });
    const { program, y } = constantProgram(1000, 3.5);
    const executable = engine.load(program);
    for (let i = 0; i < 200; i++) await executable.run();
    expect(await readFloats(engine, y)).toEqual(new Float32Array(1000).fill(3.5));
  });

  it('keeps earlier programs right when a later one needs a larger arena', async () => {
    engine = await CpuEngine.create({ threads: 2 });
    const [small, large] = [constantProgram(10, 1), constantProgram(100_000, 2)];
    const first = engine.load(small.program);
    await first.run();
    const second = engine.load(large.program);
    await second.run();
    await first.run();
    expect(await readFloats(engine, small.y)).toEqual(new Float32Array(10).fill(1));
    await expect(engine.read(large.y)).rejects.toThrow(/not an output of the program that ran last/);
  });

  it('allocates nothing per run', async () => {
    engine = await CpuEngine.create({ threads: 2 });
    const { program } = constantProgram(1000, 1);
    const executable = engine.load(program);
    await executable.run();
    const before = engine.usedBytes;
    for (let i = 0; i < 50; i++) await executable.run();
    expect(engine.usedBytes).toBe(before);
  });

  it('says what does not fit, and continues', async () => {
    engine = await CpuEngine.create({ threads: 1, memoryLimit: 16e6 });
    expect(() => engine!.load(constantProgram(10_000_000, 1).program)).toThrow(OutOfMemoryError);
    expect(() => engine!.allocate(variable('a large matrix', [5000, 5000]))).toThrow(
      /a large matrix needs 100\.0 MB, .* of at most 16\.0 MB are in use; use a smaller/,
    );
    const { program, y } = constantProgram(10, 1);
    await engine.load(program).run();
    expect(await readFloats(engine, y)).toEqual(new Float32Array(10).fill(1));
  });

  it('refuses overlapping runs', async () => {
    engine = await CpuEngine.create({ threads: 1 });
    const executable = engine.load(constantProgram(1000, 1).program);
    const first = executable.run();
    await expect(executable.run()).rejects.toThrow(/must not overlap/);
    await first;
  });

  it('reports a kernel that traps, instead of hanging', async () => {
    const wild: Op = {
      name: 'wild',
      outputs: () => ({}),
      cost: (call) => cost(call, {}),
      reference() {},
    };
    const y = variable('y', [1]);
    const size = 2 ** 28; // far past the end of the memory
    const runaway = onCpu(wild, () => [kernelCall('fillForward', { y, size, value: 1 })]);
    engine = await CpuEngine.create({ threads: 2, lowerings: lowerings([runaway]) });
    engine.allocate(y);
    const program = record('wild', () => void emit(wild, {}));
    const executable = engine.load(program);
    await expect(executable.run()).rejects.toThrow(/memory access out of bounds/);
    await expect(executable.run()).rejects.toThrow();
  });

  it('reports a thread that was killed, instead of waiting for its pieces', async () => {
    const threads: Worker[] = [];
    const unref = vi.spyOn(Worker.prototype, 'unref').mockImplementation(function (this: Worker) {
      threads.push(this);
    });
    engine = await CpuEngine.create({ threads: 3 });
    unref.mockRestore();
    // Minutes of work, of which the end of the thread lets only the beginning happen.
    const long = record('many fills', () => {
      for (let i = 0; i < 10_000; i++) fill([20_000_000], i);
    });
    const executable = engine.load(long);
    const running = executable.run();
    await threads[1]!.terminate();
    await expect(running).rejects.toThrow(/a thread of the CPU engine ended/);
    await expect(executable.run()).rejects.toThrow(/a thread of the CPU engine ended/);
  });

  it('rejects runs after it was disposed', async () => {
    engine = await CpuEngine.create({ threads: 1 });
    const executable = engine.load(constantProgram(10, 1).program);
    await engine.dispose();
    await expect(executable.run()).rejects.toThrow(/disposed/);
  });

  it('ends each thread once, however many there are', async () => {
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    const engine = await CpuEngine.create({ threads: 12 });
    await engine.dispose();
    await vi.waitFor(() => expect(terminate.mock.results.length).toBeGreaterThanOrEqual(12));
    await Promise.all(terminate.mock.results.map(({ value }) => value));
    expect(terminate).toHaveBeenCalledTimes(12);
    terminate.mockRestore();
  });

  it('refuses a write past the end of a tensor, and impossible thread counts', async () => {
    engine = await CpuEngine.create({ threads: 1 });
    const x = input('x', [4]);
    expect(() => engine!.write(x, new Uint8Array(20))).toThrow(/has 16 bytes, found 20 at 0/);
    await expect(CpuEngine.create({ threads: 1.5 })).rejects.toThrow(/threads: .*found 1.5/);
  });
});

describe('Heap', () => {
  it('gives blocks that never overlap, and gets all memory back', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1000 });
    const actions = fc.array(fc.record({ bytes: fc.nat(100_000), free: fc.boolean(), which: fc.nat(100) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(actions, (steps) => {
        const heap = new Heap(memory, 60e6);
        const empty = heap.usedBytes;
        const blocks: { start: number; bytes: number }[] = [];
        for (const { bytes, free, which } of steps) {
          if (free && blocks.length) {
            heap.free(blocks.splice(which % blocks.length, 1)[0]!.start);
            continue;
          }
          const start = heap.allocate(bytes, 'a block');
          expect(start % 64).toBe(0);
          for (const other of blocks) {
            expect(start + bytes <= other.start || other.start + other.bytes <= start).toBe(true);
          }
          blocks.push({ start, bytes });
        }
        for (const { start } of blocks) heap.free(start);
        expect(heap.usedBytes).toBe(empty);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
