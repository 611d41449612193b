import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { wkvBackward, wkvForward, wkvSlotsForward } from './kernel.wgsl.ts';
import { keptStates, wkvBackwardOp, wkvOp, wkvSlotsOp } from './wkv.ts';

export const wkvOnWebGpu = [
  onWebGpu(wkvOp, ({ inputs, outputs }) => wkvForward({ ...inputs, ...outputs })),
  onWebGpu(wkvSlotsOp, ({ inputs, outputs }) => wkvSlotsForward({ ...inputs, ...outputs })),
  onWebGpu(wkvBackwardOp, ({ inputs, outputs }) => {
    const { dDecayBefore, dBonusBefore, ...read } = inputs;
    const before = { decayBefore: dDecayBefore, bonusBefore: dBonusBefore };
    const states = scratch('states', keptStates(inputs.k));
    return wkvBackward({ ...read, ...before, ...outputs, states });
  }),
];
