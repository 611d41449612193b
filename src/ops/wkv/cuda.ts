import { onCuda } from '../../kernels/cuda/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { wkvBackward } from './backward.cuda.ts';
import { wkvForward, wkvSlotsForward } from './kernel.cuda.ts';
import { keptStates, wkvBackwardOp, wkvOp, wkvSlotsOp } from './wkv.ts';

export const wkvOnCuda = [
  onCuda(wkvOp, ({ inputs, outputs }) => wkvForward({ ...inputs, ...outputs })),
  onCuda(wkvSlotsOp, ({ inputs, outputs }) => wkvSlotsForward({ ...inputs, ...outputs })),
  onCuda(wkvBackwardOp, ({ inputs, outputs }) => {
    const { dDecayBefore, dBonusBefore, ...read } = inputs;
    const before = { decayBefore: dDecayBefore, bonusBefore: dBonusBefore };
    const states = scratch('states', keptStates(inputs.k));
    return wkvBackward({ ...read, ...before, ...outputs, states });
  }),
];
