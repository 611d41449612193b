import { byRows, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { rmsNormBackwardKernels } from '../rmsNorm/cpu.ts';
import { gatedNormBackwardOp, gatedNormOp } from './gatedNorm.ts';

export const gatedNormOnCpu = [
  onCpu(gatedNormOp, ({ inputs, outputs, attributes: { epsilon } }) => {
    const sizes = { rows: rowsOf(inputs.x), width: widthOf(inputs.x) };
    return [byRows(kernelCall('gatedNormForward', { ...inputs, ...outputs, ...sizes, epsilon }), sizes.rows)];
  }),
  onCpu(gatedNormBackwardOp, ({ inputs, outputs: { dx, dgamma, dh }, attributes: { epsilon } }) => {
    const { x, h, gamma, dy, dxBefore, dgammaBefore } = inputs;
    const sizes = { rows: rowsOf(x), width: widthOf(x) };
    const dNormal = scratch('dNormal', x.shape);
    const norm = { x, gamma, dy: dNormal, dxBefore, dgammaBefore, dx, dgamma };
    return [
      kernelCall('gatedNormBackward', { x, h, gamma, dy, dh, dNormal, ...sizes, epsilon }),
      ...rmsNormBackwardKernels(norm, epsilon),
    ];
  }),
];
