/** Measures times on the device: each dispatch in its own pass, with a timestamp at both ends. */
import type { KernelTime } from '../engine.ts';
import type { DispatchList } from './dispatchList.ts';
import { usage } from './memory.ts';
import type { Staging } from './staging.ts';

/** A query set holds 4096 timestamps, two for each dispatch. */
const dispatchesPerSet = 2048;

export async function timeDispatches(
  device: GPUDevice,
  staging: Staging,
  list: DispatchList,
): Promise<KernelTime[]> {
  const times: KernelTime[] = [];
  for (let first = 0; first < list.length; first += dispatchesPerSet) {
    const count = Math.min(dispatchesPerSet, list.length - first);
    times.push(...(await timePart(device, staging, list, first, count)));
  }
  return times;
}

async function timePart(
  device: GPUDevice,
  staging: Staging,
  list: DispatchList,
  first: number,
  count: number,
): Promise<KernelTime[]> {
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * count });
  const size = 16 * count;
  const buffer = device.createBuffer({ size, usage: usage.queryResolve | usage.copySource });
  const encoder = device.createCommandEncoder();
  for (let index = 0; index < count; index++) {
    const pass = encoder.beginComputePass({
      timestampWrites: {
        querySet,
        beginningOfPassWriteIndex: 2 * index,
        endOfPassWriteIndex: 2 * index + 1,
      },
    });
    list.encodeStep(pass, first + index);
    pass.end();
  }
  encoder.resolveQuerySet(querySet, 0, 2 * count, buffer, 0);
  device.queue.submit([encoder.finish()]);
  const bytes = new Uint8Array(size);
  await staging.read({ buffer, offset: 0 }, bytes);
  querySet.destroy();
  buffer.destroy();
  const nanoseconds = new BigInt64Array(bytes.buffer);
  return Array.from({ length: count }, (_, index) => ({
    kernel: list.name(first + index),
    milliseconds: Number(nanoseconds[2 * index + 1]! - nanoseconds[2 * index]!) / 1e6,
  }));
}
