import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from './gatedUnit.ts';
import type { Activation } from './reference.ts';

/** act(x) and its slope. */
export const gates: Readonly<Record<Activation, { value: string; slope: string }>> = {
  silu: { value: 'x * sigmoid(x)', slope: 'siluSlope(x, sigmoid(x))' },
  relu2: { value: 'fmaxf(x, 0.f) * fmaxf(x, 0.f)', slope: '2.f * fmaxf(x, 0.f)' },
};

/** Of four numbers, or one: `Number` is what a body reads, `put` stores one. */
const functionsOf = (activation: Activation, isWide: boolean) => `
typedef ${isWide ? 'float4' : 'float'} Number;
template <typename T> __device__ inline void put(T* y, size_t i, Number x) { ${isWide ? 'storeFour' : 'store'}(y, i, x); }
__device__ inline float act(float x) { return ${gates[activation].value}; }
__device__ inline float slopeOf(float x) { return ${gates[activation].slope}; }
__device__ inline float4 act(float4 x) { return make_float4(act(x.x), act(x.y), act(x.z), act(x.w)); }
__device__ inline float4 slopeOf(float4 x) { return make_float4(slopeOf(x.x), slopeOf(x.y), slopeOf(x.z), slopeOf(x.w)); }
`;

/** Over all elements, four at a time if there are whole fours. */
function elementwise(
  kernel: string,
  activation: Activation,
  tensors: Readonly<Record<string, Tensor>>,
  size: number,
  body: string,
): Launch {
  const isWide = size % 4 === 0;
  const count = isWide ? size / 4 : size;
  return {
    kernel: `${kernel}.${activation}${isWide ? '.4' : ''}`,
    functions: functionsOf(activation, isWide),
    body: eachElement(body),
    tensors,
    numbers: { size: count },
    ...overElements(count),
  };
}

export const gatedUnitOnCuda = [
  onCuda(gatedUnitOp, ({ inputs, outputs, attributes: { activation } }) => [
    elementwise(
      'gatedUnit',
      activation,
      { ...inputs, ...outputs },
      inputs.g.size,
      'put(y, i, act(((const Number*)g)[i]) * ((const Number*)u)[i]);',
    ),
  ]),
  onCuda(gatedUnitBackwardOp, ({ inputs, outputs, attributes: { activation } }) => [
    elementwise(
      'gatedUnitBackward',
      activation,
      { ...inputs, ...outputs },
      inputs.g.size,
      `
    const Number x = ((const Number*)g)[i], up = ((const Number*)u)[i], d = ((const Number*)dy)[i];
    put(dg, i, d * up * slopeOf(x));
    put(du, i, d * act(x));`,
    ),
  ]),
];
