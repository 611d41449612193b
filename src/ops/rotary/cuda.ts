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

/** y [rows, width] = x turned by the angles of its position, or back; y may be the memory of x */
function rotary({ inputs: { x, table }, outputs: { y }, attributes }: CallOf<typeof rotaryOp>): Launch {
  const [length, headSize] = table.shape as [number, number];
  return {
    kernel: 'rotary',
    body: eachElement(`
    const unsigned head = i / half, k = i % half;
    const unsigned row = head * 2 * half / width % length * 2 * half, at = head * 2 * half + k;
    const float a = x[at], b = x[at + half], c = table[row + k], s = table[row + half + k] * direction;
    store(y, at, a * c - b * s);
    store(y, at + half, b * c + a * s);`),
    tensors: { x, table, y },
    numbers: {
      ...{ size: x.size / 2, width: widthOf(x), half: headSize / 2, length },
      direction: { f32: attributes.direction },
    },
    ...overElements(x.size / 2),
  };
}

export const rotaryOnCuda = [
  onCuda(rotaryTableOp, (call) => [rotaryTable(call)]),
  onCuda(rotaryOp, (call) => [rotary(call)]),
];
