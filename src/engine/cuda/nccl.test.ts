/** What NCCL and the driver are asked for, by a null device that notes the calls; cards run test/cuda. */
import { describe, expect, it } from 'vitest';
import { type Tensor, variable } from '../../program/tensor.ts';
import type { DriverLibrary } from './driver.ts';
import { findLibrary } from './libraries.ts';
import { Nccl, type NcclLibrary } from './nccl.ts';

const [engineStream, base, group] = [7n, 0x1000n, 99n];

/** Handles are numbers from 100 on, in the order in which they are made. */
async function connect(rank: number, size: number, failing = 0) {
  const calls: (readonly unknown[])[] = [];
  let made = 100n;
  const note = (...call: readonly unknown[]) => {
    calls.push(call);
    return 0;
  };
  const make = () => made++;
  const driver = { call: note, status: note, make } as unknown as DriverLibrary;
  const nccl = {
    status: note,
    make(...call: unknown[]) {
      note(...call);
      return group;
    },
    call(name: string, ...args: unknown[]) {
      if (name === 'ncclGetVersion') (args[0] as Int32Array)[0] = 22_809;
      else if (name === 'ncclGetUniqueId') (args[0] as Uint8Array).fill(5);
      else if (name === 'ncclCommGetAsyncError') (args[1] as Int32Array)[0] = failing;
      else note(name, ...args);
    },
  } as unknown as NcclLibrary;
  const broadcast = async (bytes: Uint8Array) => void (rank > 0 && bytes.fill(5));
  const addressOf = ({ byteOffset }: Tensor) => base + BigInt(byteOffset);
  const joined = await Nccl.join(
    { driver, nccl, stream: engineStream, addressOf },
    { rank, size, broadcast },
  );
  return { joined, calls };
}

describe('NCCL', () => {
  it.each([0, 1])('is joined with the id of rank 0: rank %i', async (rank) => {
    const { joined, calls } = await connect(rank, 2);
    expect(calls).toEqual([['ncclCommInitRank', 2, { bytes: new Uint8Array(128).fill(5) }, rank]]);
    expect(joined.description).toBe('NCCL 2.28.9');
  });

  it('exchanges parts in place, behind the work queued so far', async () => {
    const { joined, calls } = await connect(1, 2);
    const tensor = variable('bucket', [256]);
    joined.sumParts(tensor);
    joined.gatherParts([tensor, variable('other', [128])]);
    joined.sum(variable('squares', [1]));
    joined.join();
    const own = base + 512n; // 128 floats into the bucket
    const [stream, worked, exchanged] = [100n, 101n, 102n];
    const after = [
      ['cuEventRecord', worked, engineStream],
      ['cuStreamWaitEvent', stream, worked, 0],
    ];
    expect(calls.slice(1)).toEqual([
      ...after,
      ['ncclReduceScatter', base, own, 128, 7, 0, group, stream],
      ...after,
      ['ncclGroupStart'],
      ['ncclAllGather', own, base, 128, 7, group, stream],
      ['ncclAllGather', base + 256n, base, 64, 7, group, stream],
      ['ncclGroupEnd'],
      ...after,
      ['ncclAllReduce', base, base, 1, 7, 0, group, stream],
      ['cuEventRecord', exchanged, stream],
      ['cuStreamWaitEvent', engineStream, exchanged, 0],
    ]);
  });

  it('refuses what has no equal parts', async () => {
    const { joined } = await connect(0, 2);
    expect(() => joined.sumParts(variable('odd', [3]))).toThrow('odd: f32[3]: expected f32 and one part');
  });

  it('says what failed, and exchanges nothing once it is aborted', async () => {
    expect((await connect(0, 2)).joined.failure()).toBeUndefined();
    const { joined, calls } = await connect(0, 2, 6);
    expect(joined.failure()?.message).toMatch(/another rank has ended.*--resume/);
    joined.abort();
    expect(calls.at(-1)).toEqual(['ncclCommAbort', group]);
    expect(joined.failure()).toBeUndefined();
    expect(() => joined.sum(variable('x', [1]))).toThrow('was ended');
  });

  it('that is missing is named with the command that installs it', () => {
    expect(() => findLibrary('nccl', 13, [])).toThrow(
      /training over several GPUs needs libnccl, version 2: run "pip install nvidia-nccl-cu13"/,
    );
  });
});
