import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import type { CallOf } from '../../program/op.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { rotaryOp, rotaryTableOp, turnUnits } from './rotary.ts';

/** table [length, 2·half]. A turn is 2³² units, so that products with a position wrap around exactly. */
function rotaryTable(call: CallOf<typeof rotaryTableOp>): Launch {
  const { table } = call.outputs;
  const turns = turnUnits(call.attributes);
  const half = turns.length;
  const { positions } = call.inputs;
  const each = positions?.size === sizeOf(table, 0);
  return {
    kernel: 'rotaryTable',
    functions: `__constant__ unsigned turns[${half}] = {${turns.map((units) => `${units}u`).join(', ')}};`,
    body: eachElement(`
    const unsigned t = i / ${half}, k = i % ${half};
    const unsigned units = (${each ? 'positions[t]' : '(positions ? positions[0] : 0) + t'}) * turns[k];
    float s, c;
    sincospif((int)units * ${2 ** -31}f, &s, &c);
    table[t * ${2 * half} + k] = c * magnitude;
    table[t * ${2 * half} + ${half} + k] = s * magnitude;`),
    tensors: { positions, table },
    types: { positions: 'int' },
    numbers: { size: table.size / 2, magnitude: { f32: call.attributes.magnitude } },
    ...overElements(table.size / 2),
  };
}

/**
 * y [rows, width] = x turned by the angles of its position, or back; y may be the memory of x. A thread takes four
 * pairs if heads have whole fours of them.
 */
function rotary({ inputs: { x, table }, outputs: { y }, attributes }: CallOf<typeof rotaryOp>): Launch {
  const [length, headSize] = table.shape as [number, number];
  const each = headSize % 8 === 0 ? 4 : 1;
  const [number, put] = each === 4 ? ['float4', 'storeFour'] : ['float', 'store'];
  const size = x.size / 2 / each;
  return {
    kernel: each === 4 ? 'rotary.4' : 'rotary',
    body: eachElement(`
    const unsigned head = i / half, k = i % half;
    const unsigned row = head * 2 * half / width % length * 2 * half, at = head * 2 * half + k;
    const auto* from = (const ${number}*)x;
    const auto* angles = (const ${number}*)table;
    const ${number} a = from[at], b = from[at + half], c = angles[row + k], s = angles[row + half + k] * direction;
    ${put}(y, at, a * c - b * s);
    ${put}(y, at + half, b * c + a * s);`),
    tensors: { x, table, y },
    numbers: {
      ...{ size, width: widthOf(x) / each, half: headSize / 2 / each, length },
      direction: { f32: attributes.direction },
    },
    ...overElements(size),
  };
}

export const rotaryOnCuda = [
  onCuda(rotaryTableOp, (call) => [rotaryTable(call)]),
  onCuda(rotaryOp, (call) => [rotary(call)]),
];
