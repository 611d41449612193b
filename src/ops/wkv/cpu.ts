import { kernelCall, scratch } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import { keptStates, wkvBackwardOp, wkvOp } from './wkv.ts';

export const wkvOnCpu = [
  onCpu(wkvOp, ({ inputs, outputs }) => {
    const rate = scratch('rate', inputs.decay.shape);
    return [kernelCall('wkvForward', { ...inputs, ...outputs, rate, ...sequenceSizes('wkv', inputs.k) })];
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
