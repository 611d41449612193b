/** A list of phases in the engine's memory, as run.as.ts reads it: phases, then kernels, then their arguments. */
import { type KernelWord, wordsOf } from '../../kernels/cpu/kernelCall.ts';
import { Tensor } from '../../program/tensor.ts';
import type { Phase } from './phases.ts';

/** Bytes of `Phase` and of `KernelEntry` in run.as.ts. */
export const phaseBytes = 20;
const entryBytes = 12;

export interface ListTarget {
  readonly memory: WebAssembly.Memory;
  readonly list: number;
  readonly bytes: number;
  /** Slots of the function table by kernel. */
  readonly slots: ReadonlyMap<string, number>;
  readonly place: (tensor: Tensor) => number;
}

export function listBytes(phases: readonly Phase[]): number {
  const kernels = phases.flatMap((phase) => phase.kernels);
  const words = kernels.reduce((sum, { call }) => sum + wordsOf(call).length, 0);
  return phaseBytes * phases.length + entryBytes * kernels.length + 4 * words;
}

export function encodePhases(phases: readonly Phase[], target: ListTarget): void {
  const { memory, list, bytes, slots, place } = target;
  const view = new DataView(memory.buffer, list, bytes);
  let entry = phaseBytes * phases.length;
  let argument = entry + entryBytes * phases.reduce((sum, { kernels }) => sum + kernels.length, 0);
  for (const [index, { kernels, pieces, wakes, together }] of phases.entries()) {
    const words = [list + entry, kernels.length, pieces, wakes, together ? 1 : 0];
    words.forEach((value, field) => {
      view.setUint32(phaseBytes * index + 4 * field, value, true);
    });
    for (const { call, pieces: own } of kernels) {
      const slot = slots.get(call.kernel);
      if (slot === undefined)
        throw new Error(`the kernel module has no kernel ${call.kernel}: run "npm run build"`);
      view.setUint32(entry, slot, true);
      view.setUint32(entry + 4, list + argument, true);
      view.setUint32(entry + 8, own, true);
      entry += entryBytes;
      for (const value of wordsOf(call)) {
        writeWord(view, argument, value, place);
        argument += 4;
      }
    }
  }
}

function writeWord(
  view: DataView,
  at: number,
  { kind, value }: KernelWord,
  place: (tensor: Tensor) => number,
): void {
  if (value instanceof Tensor) view.setUint32(at, place(value), true);
  else if (kind === 'f32') view.setFloat32(at, value ?? 0, true);
  else view.setInt32(at, value ?? 0, true);
}
