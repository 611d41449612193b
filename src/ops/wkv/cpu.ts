import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, sequenceSizes, sizeOf, widthOf } from '../../program/shapes.ts';
import { keptStates, wkvBackwardOp, wkvOp, wkvSlotsOp } from './wkv.ts';

export const wkvOnCpu = [
  onCpu(wkvOp, ({ inputs, outputs }) => {
    const rate = scratch('rate', inputs.decay.shape);
    return [kernelCall('wkvForward', { ...inputs, ...outputs, rate, ...sequenceSizes('wkv', inputs.k) })];
  }),
  onCpu(wkvSlotsOp, ({ inputs, outputs }) => {
    const { k, decay, states } = inputs;
    const sizes = { rows: rowsOf(k), width: widthOf(k), count: sizeOf(states, 0) };
    const rate = scratch('rate', decay.shape);
    return [kernelCall('wkvSlotsForward', { ...inputs, ...outputs, rate, ...sizes })];
  }),
  onCpu(wkvBackwardOp, ({ inputs, outputs }) => {
    const { dDecayBefore, dBonusBefore, ...read } = inputs;
    const before = { decayBefore: dDecayBefore, bonusBefore: dBonusBefore };
    const kept = {
      states: scratch('states', keptStates(inputs.k)),
      rate: scratch('rate', inputs.decay.shape),
    };
    const sizes = sequenceSizes('wkvBackward', inputs.k);
    return [kernelCall('wkvBackward', { ...read, ...before, ...outputs, ...kept, ...sizes })];
  }),
];
