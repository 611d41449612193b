/** An engine of one's own, and how much of its memory may be used. */
import { totalmem } from 'node:os';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { WebGpuEngine } from '../engine/webgpu/webgpuEngine.ts';
import type { Machine } from './run.ts';

/** A WebAssembly heap ends at 4 GiB; the engine keeps a little of it for itself. */
const largestHeap = 2 ** 32 - 2 ** 26;

/** An engine that tells its memory in use. */
export interface OwnMachine extends Machine {
  readonly engine: CpuEngine | WebGpuEngine;
}

export interface MachineFlags {
  /** `auto`, the default, takes the CPU. */
  readonly engine?: 'auto' | 'cpu' | 'webgpu' | undefined;
  /** Worker threads of the CPU. */
  readonly threads?: number | undefined;
}

/** Calls `use` with an engine, and gives its threads or its device back afterwards. */
export async function withMachine<T>(
  flags: MachineFlags,
  use: (machine: OwnMachine) => Promise<T>,
): Promise<T> {
  const machine = await openMachine(flags);
  try {
    return await use(machine);
  } finally {
    await machine.engine.dispose();
  }
}

/** How much memory a GPU has, WebGPU does not tell; an allocation that fails does. */
async function openMachine({ engine, threads }: MachineFlags): Promise<OwnMachine> {
  if (engine === 'webgpu') {
    return { engine: await WebGpuEngine.create(), limitBytes: Number.POSITIVE_INFINITY };
  }
  return { engine: await CpuEngine.create({ threads }), limitBytes: Math.min(largestHeap, totalmem()) };
}
