import { afterEach, expect, it } from 'vitest';
import { constantProgram } from '../../../test/constantProgram.ts';
import { describeOnGpu } from '../../../test/engines.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { add } from '../../ops/add/add.ts';
import { fill } from '../../ops/fill/fill.ts';

import { cost, type Op, type Operands, type Tensors } from '../../program/op.ts';
import { assign, emit, output, record } from '../../program/record.ts';
import { input, variable } from '../../program/tensor.ts';
import { bytesOf, OutOfMemoryError, readFloats } from '../engine.ts';
import { NoGpuError } from './errors.ts';
import { webgpuLowerings } from './lowerings.ts';
import { WebGpuEngine } from './webgpuEngine.ts';

let engine: WebGpuEngine | undefined;
afterEach(async () => {
  await engine?.dispose();
  engine = undefined;
});

/** A program of one dispatch. */
function only(dispatch: Omit<Dispatch, 'tensors'>) {
  const op: Op<Operands, Tensors<'y'>> = {
    name: dispatch.shader,
    outputs: () => ({ y: { shape: [4] } }),
    cost: (call) => cost(call, {}),
    reference() {},
  };
  const program = record(dispatch.shader, () => {
    output(emit(op, {}).y);
  });
  const lowering = onWebGpu(op, ({ outputs }) => [{ ...dispatch, tensors: outputs }]);
  return { program, lowerings: new Map([...webgpuLowerings, lowering]) };
}

describeOnGpu('WebGpuEngine', () => {
  it('runs programs again and again, allocating nothing', async () => {
    engine = await WebGpuEngine.create();
    const { program, y } = constantProgram(1000, 3.5);
    const executable = engine.load(program);
    const before = engine.usedBytes;
    for (let i = 0; i < 50; i++) await executable.run();
    expect(await readFloats(engine, y)).toEqual(new Float32Array(1000).fill(3.5));
    expect(engine.usedBytes).toBe(before);
  });

  it('keeps earlier programs right when a later one needs a larger arena', async () => {
    engine = await WebGpuEngine.create();
    const [small, large] = [constantProgram(10, 1), constantProgram(100_000, 2)];
    const first = engine.load(small.program);
    await first.run();
    const second = engine.load(large.program);
    await expect(engine.read(small.y)).rejects.toThrow(/not an output of the program that ran last/);
    await second.run();
    await first.run();
    expect(await readFloats(engine, small.y)).toEqual(new Float32Array(10).fill(1));
    await expect(engine.read(large.y)).rejects.toThrow(/not an output of the program that ran last/);
  });

  it('writes over an input, and over a variable that is read', async () => {
    engine = await WebGpuEngine.create({ poison: true });
    const state = variable('state', [5]);
    const program = record('count', () => {
      assign(state, add(state, add(fill([5], 1), fill([5], 1))));
    });
    engine.write(state, bytesOf(Float32Array.of(1, 2, 3, 4, 5)));
    const executable = engine.load(program);
    for (let i = 0; i < 3; i++) await executable.run();
    expect(await readFloats(engine, state)).toEqual(Float32Array.of(7, 8, 9, 10, 11));
  });

  it('writes parts, and bytes that are not a whole number of words', async () => {
    engine = await WebGpuEngine.create();
    const tensor = input('bytes', [7], 'u8');
    engine.write(tensor, Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
    engine.write(tensor, Uint8Array.of(8, 9, 10), 4);
    expect(await engine.read(tensor)).toEqual(Uint8Array.of(1, 2, 3, 4, 8, 9, 10));
    expect(() => engine!.write(tensor, Uint8Array.of(1), 1)).toThrow(/expected whole words/);
    expect(() => engine!.write(tensor, new Uint8Array(8))).toThrow(/has 7 bytes, found 8 at 0/);
  });

  it('writes large tensors in pieces, more of them at once than it keeps buffers for', async () => {
    engine = await WebGpuEngine.create();
    const tensor = input('large', [2 ** 22 + 3]);
    for (let k = 1; k <= 18; k++) engine.write(tensor, bytesOf(new Float32Array(tensor.size).fill(k)));
    const tail = Float32Array.from({ length: 2 ** 19 }, (_, i) => i);
    engine.write(tensor, bytesOf(tail), 4 * (tensor.size - tail.length));
    const found = await readFloats(engine, tensor);
    expect(found.subarray(0, -tail.length).every((value) => value === 18)).toBe(true);
    expect(found.subarray(-tail.length)).toEqual(tail);
    await engine.dispose();
    engine.write(tensor, bytesOf(tail)); // without effect, as before
  });

  it('says what does not fit, and continues', async () => {
    engine = await WebGpuEngine.create({ memoryLimit: 16e6 });
    expect(() => engine!.load(constantProgram(10_000_000, 1).program)).toThrow(OutOfMemoryError);
    expect(() => engine!.allocate(variable('a large matrix', [5000, 5000]))).toThrow(
      /a large matrix needs 100 MB of GPU memory, but .* of the limit of 16 MB are in use; .*--engine cpu/,
    );
    expect(() => engine!.allocate(variable('the largest', [2 ** 40]))).toThrow(/this GPU binds at most/);
    const { program, y } = constantProgram(10, 1);
    await engine.load(program).run();
    expect(await readFloats(engine, y)).toEqual(new Float32Array(10).fill(1));
  });

  it('reports a shader that the driver refuses, with its complaint, and continues', async () => {
    const code = '@compute @workgroup_size(1) fn main() { y[0] = nonsense; }';
    const { program: brokenProgram, lowerings } = only({
      shader: 'broken',
      code,
      numbers: {},
      workgroups: [1, 1, 1],
    });
    engine = await WebGpuEngine.create({ lowerings });
    const broken = engine.load(brokenProgram);
    await expect(broken.run()).rejects.toThrow(
      /refused the shader broken: .*unresolved value 'nonsense'.*--engine cpu/,
    );
    const { program } = constantProgram(10, 1);
    await engine.load(program).run();
  });

  it('reports work that the device refuses', async () => {
    const code = '@compute @workgroup_size(1) fn main() { y[0] = 1.0; }';
    const { program: wideProgram, lowerings } = only({
      shader: 'wide',
      code,
      numbers: {},
      workgroups: [2 ** 20, 1, 1],
    });
    engine = await WebGpuEngine.create({ lowerings });
    const wide = engine.load(wideProgram);
    await expect(wide.run()).rejects.toThrow(/the GPU refused work: .*--engine cpu/s);
  });

  it('rejects a run when the device is lost under it, and every later one', async () => {
    engine = await WebGpuEngine.create();
    const executable = engine.load(constantProgram(1_000_000, 1).program);
    const running = executable.run();
    engine.device.destroy();
    await expect(running).rejects.toThrow(/GPU device is lost.*--engine cpu/);
    await expect(executable.run()).rejects.toThrow(/GPU device is lost/);
  });

  it('rejects a read, and a program that is being compiled, when the device is lost under them', async () => {
    const code = '@compute @workgroup_size(1) fn main() { y[0] = 7.0; }';
    const fresh = only({ shader: 'new', code, numbers: {}, workgroups: [1, 1, 1] });
    engine = await WebGpuEngine.create({ lowerings: fresh.lowerings });
    const { program, y } = constantProgram(1_000_000, 1);
    await engine.load(program).run();
    const reading = engine.read(y);
    const running = engine.load(fresh.program).run();
    engine.device.destroy();
    await expect(reading).rejects.toThrow(/GPU device is lost.*--engine cpu/);
    await expect(running).rejects.toThrow(/--engine cpu/);
  });

  it('says so when the device has no memory left, which it tells only afterwards', async () => {
    engine = await WebGpuEngine.create();
    // No test can fill the memory of every machine, so the device is made to report what a full one reports.
    const { device } = engine;
    const pop = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      await pop();
      return { message: 'not enough memory left' } as GPUOutOfMemoryError;
    };
    engine.allocate(variable('a matrix', [1000, 1000]));
    device.popErrorScope = pop;
    const { program, y } = constantProgram(10, 1);
    const executable = engine.load(program);
    await expect(executable.run()).rejects.toThrow(/has no 4.00 MB left for a matrix .*; use .*--engine cpu/);
    await executable.run();
    expect(await readFloats(engine, y)).toEqual(new Float32Array(10).fill(1));
  });

  it('measures every kernel', async () => {
    engine = await WebGpuEngine.create();
    const { program } = constantProgram(1000, 1);
    const times = await engine.load(program).profile();
    expect(times.map(({ kernel }) => kernel)).toEqual(['fillForward']);
    expect(times[0]!.milliseconds).toBeGreaterThanOrEqual(0);
  });

  it('says so where there is no adapter', async () => {
    const gpu = { requestAdapter: async () => null } as unknown as GPU;
    await expect(WebGpuEngine.create({ gpu })).rejects.toThrow(NoGpuError);
    await expect(WebGpuEngine.create({ gpu })).rejects.toThrow(/found no adapter.*--engine cpu/);
  });

  it('says so where the adapter gives no device', async () => {
    const requestDevice = () => Promise.reject(new Error('limit exceeded'));
    const adapter = { limits: {}, features: new Set(), requestDevice };
    const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
    await expect(WebGpuEngine.create({ gpu })).rejects.toThrow(
      /the GPU gives no device: limit exceeded.*--engine cpu/,
    );
  });
});
