/** Kinds of GPUs that get different shaders, for work on shaders without such a GPU. */
import type { DeviceFeatures } from './device.ts';

/** Like an NVIDIA card with tensor cores. */
const all: DeviceFeatures = {
  ...{ packedDot: true, halfFloats: true, timestamps: true, subgroupSize: 32, maxBindings: 16 },
  ...{ int8Matrices: true, halfMatrices: true },
};

export const deviceKinds: Readonly<Record<string, DeviceFeatures>> = {
  'tensor cores': all,
  'subgroups of 32': { ...all, int8Matrices: false, halfMatrices: false },
  'nothing but the standard': {
    ...{ ...all, int8Matrices: false, halfMatrices: false },
    ...{ packedDot: false, halfFloats: false, subgroupSize: undefined, maxBindings: 10 },
  },
};
