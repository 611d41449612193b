import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { widthOf } from '../shapes.ts';
import { rotary as rotaryDispatch, rotaryTable as rotaryTableDispatch } from './kernel.wgsl.ts';
import { rotaryReference, rotaryTableReference, turnsPerToken } from './reference.ts';

export interface RotaryOptions {
  /** Entries of a head, an even number. */
  readonly headSize: number;
  /** The base of the frequencies: pair i turns by θ^(−2i/size) radians a token. */
  readonly theta: number;
}

interface TableAttributes extends RotaryOptions {
  readonly length: number;
}

/**
 * The rotations of `length` positions as a table [length, size]: size/2 cosines, then as many sines. The first
 * position is the number in `first` [1] i32, or 0. All layers share it.
 */
export function rotaryTable(length: number, options: RotaryOptions, first?: Tensor): Tensor {
  const { headSize } = options;
  if (headSize < 2 || headSize % 2)
    throw new Error(`rotaryTable: expected an even head size, found ${headSize}`);
  const outputs = [{ name: 'table', shape: [length, headSize] }];
  return emit(rotaryTableOp, { inputs: [first], outputs, attributes: { ...options, length } })[0]!;
}

/** Rotary position embedding: turns every head of x [batch, length, heads · size] by its row of the table. */
export function rotary(x: Tensor, table: Tensor): Tensor {
  return turn(x, table, 1);
}

function turn(x: Tensor, table: Tensor, direction: 1 | -1): Tensor {
  const [length, headSize] = table.shape as [number, number];
  if (x.shape.length !== 3 || x.shape[1] !== length || widthOf(x) % headSize) {
    throw new Error(`rotary: expected [batch, ${length}, heads · ${headSize}], found ${x}`);
  }
  const outputs = [{ name: 'y', shape: x.shape }];
  return emit(rotaryOp, { inputs: [x, table], outputs, attributes: { direction } })[0]!;
}

/**
 * Fractions of a turn a token in units of 2⁻³²: the product with a position keeps its fraction exactly in 32-bit
 * integers, where floats would lose it as the position grows.
 */
function turnUnits({ headSize, theta }: RotaryOptions): number[] {
  return turnsPerToken(headSize, theta).map((turns) => Math.round((turns % 1) * 2 ** 32) % 2 ** 32);
}

export const rotaryTableOp: Op<TableAttributes> = {
  name: 'rotaryTable',
  cost: (call) => {
    const n = call.outputs[0]!.size;
    return cost(call, { multiplications: n, special: n });
  },
  reference({ inputs: [first], outputs: [table], attributes: { headSize, theta } }, data) {
    rotaryTableReference(turnsPerToken(headSize, theta), first ? data(first)[0]! : 0, data(table!));
  },
  cpu({ inputs: [first], outputs: [table], attributes }) {
    const sizes = [attributes.length, attributes.headSize / 2];
    return [{ kernel: 'rotaryTable', args: [first, table, ...sizes, ...turnUnits(attributes)] }];
  },
  webgpu: ({ inputs: [first], outputs: [table], attributes }) => [
    rotaryTableDispatch(first, table!, turnUnits(attributes)),
  ],
  backward() {}, // positions are not learnt
};

export const rotaryOp: Op<{ readonly direction: 1 | -1 }> = {
  name: 'rotary',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: n, multiplications: 2 * n });
  },
  reference({ inputs: [x, table], outputs: [y], attributes }, data) {
    const [length, headSize] = table!.shape as [number, number];
    const sizes = { length, headSize, width: widthOf(x!) };
    rotaryReference(data(x!), data(table!), sizes, attributes.direction, data(y!));
  },
  cpu({ inputs: [x, table], outputs: [y], attributes }) {
    const [length, headSize] = table!.shape as [number, number];
    const rows = x!.size / widthOf(x!);
    const sizes = [rows, length, widthOf(x!), headSize];
    return [{ kernel: 'rotary', args: [x, table, y, ...sizes, { f32: attributes.direction }] }];
  },
  webgpu: ({ inputs: [x, table], outputs: [y], attributes }) => [
    rotaryDispatch(x!, table!, y!, attributes.direction),
  ],
  backward({ inputs: [x, table], outputs: [y], attributes }, gradients) {
    const back = attributes.direction === 1 ? -1 : 1;
    if (gradients.wants(x)) gradients.add(x, turn(gradients.of(y!)!, table!, back));
  },
};
