/** Measures this machine's memory bandwidth: the bound for a decoder that reads every weight once a token. */
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { lowerings } from '../src/engine/lowerings.ts';
import { kernelCall } from '../src/kernels/cpu/kernelCall.ts';
import { onCpu } from '../src/kernels/cpu/lowering.ts';
import { cost, type Op, type Tensors } from '../src/program/op.ts';
import { emit, record } from '../src/program/record.ts';
import { type Tensor, variable } from '../src/program/tensor.ts';
import { median } from './statistics.ts';

/** Larger than any cache. */
const bytes = 400 * 2 ** 20;
const rounds = 7;
/** A machine may read several streams at a time faster than one: the fastest number counts. */
const streams = [1, 2, 4];

/** Bytes a second that `threads` threads read together: for each number of streams, the median of several passes. */
export async function readBandwidth(threads: number): Promise<number> {
  const engine = await CpuEngine.create({ threads, lowerings: lowerings([readOnCpu]) });
  const data = variable('data', [bytes], 'u8');
  engine.allocate(data);
  engine.view(data).fill(1); // pages that were never written have no memory yet
  const ways = streams.map((count) => ({
    pass: engine.load(record(`read memory in ${count} streams`, () => readAll(data, count))),
    times: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { pass, times } of ways) {
      const start = performance.now();
      await pass.run();
      times.push(performance.now() - start);
    }
  }
  await engine.dispose();
  return bytes / (Math.min(...ways.map(({ times }) => median(times))) / 1000);
}

function readAll(data: Tensor, streamCount: number): void {
  emit(readOp, { data }, streamCount);
}

const readOp: Op<Tensors<'data'>, Tensors<'sink'>, number> = {
  name: 'readMemory',
  outputs: () => ({ sink: { shape: [256] } }),
  cost: (call) => cost(call, {}),
  reference() {},
};

const readOnCpu = onCpu(readOp, ({ inputs: { data }, outputs: { sink }, attributes: streams }) => [
  kernelCall('readMemory', { data, bytes: data.bytes, streams, sink }),
]);
