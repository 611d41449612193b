import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { type Size, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rotaryReference, rotaryTableReference } from './reference.ts';

export interface RotaryOptions {
  /** Radians that each pair of a head's entries turns by a token: half as many as a head has entries. */
  readonly frequencies: readonly number[];
  /** What cosines and sines are multiplied by. Default: 1. */
  readonly magnitude?: number;
}

interface TableAttributes extends Required<RotaryOptions> {
  readonly length: number;
}

/**
 * The rotations of `length` positions as a table [length, size]: size/2 cosines, then as many sines. `positions` i32
 * are those of each row [length], or that of the first row [1], which the others follow; by default they begin at 0.
 * All layers share the table.
 */
export function rotaryTable(
  length: number,
  { frequencies, magnitude = 1 }: RotaryOptions,
  positions?: Tensor,
): Tensor {
  return emit(rotaryTableOp, { positions }, { frequencies, magnitude, length }).table;
}

/** Rotary position embedding: rotates every head of x [batch, length, heads · size] by its row of the table. */
export function rotary(x: Tensor, table: Tensor): Tensor {
  return turn(x, table, 1);
}

function turn(x: Tensor, table: Tensor, direction: 1 | -1): Tensor {
  const { length, headSize } = tableSizes(table);
  if (x.shape.length !== 3 || sizeOf(x, 1) !== length || widthOf(x) % headSize) {
    throw new Error(`rotary: expected [batch, ${length}, heads · ${headSize}], found ${x}`);
  }
  return emit(rotaryOp, { x, table }, { direction }).y;
}

/** The sizes of a table [length, size]. */
export function tableSizes(table: Tensor): {
  readonly length: Size<'length'>;
  readonly headSize: Size<'headSize'>;
} {
  return { length: sizeOf(table, 0), headSize: sizeOf(table, 1) };
}

/**
 * Turns per token in units of 2⁻³²: in 32-bit integers, the product with a position keeps its fraction exactly, where
 * floats would lose it as the position grows.
 */
export function turnUnits({ frequencies }: RotaryOptions): number[] {
  return frequencies.map((radians) => Math.round(((radians / (2 * Math.PI)) % 1) * 2 ** 32) % 2 ** 32);
}

export const rotaryTableOp: Op<Tensors<never, 'positions'>, Tensors<'table'>, TableAttributes> = {
  name: 'rotaryTable',
  outputs: (_, { length, frequencies }) => ({ table: { shape: [length, 2 * frequencies.length] } }),
  cost: (call) => {
    const n = call.outputs.table.size;
    return cost(call, { multiplications: n, special: n });
  },
  reference({ inputs: { positions }, outputs: { table }, attributes }, data) {
    rotaryTableReference(attributes, positions && data(positions), data(table));
  },
  backward() {}, // positions are not learnt
};

export const rotaryOp: Op<Tensors<'x' | 'table'>, Tensors<'y'>, { readonly direction: 1 | -1 }> = {
  name: 'rotary',
  inPlace: { y: 'x' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: n, multiplications: 2 * n });
  },
  reference({ inputs: { x, table }, outputs: { y }, attributes: { direction } }, data) {
    const sizes = { ...tableSizes(table), width: widthOf(x) };
    rotaryReference(data(x), data(table), sizes, direction, data(y));
  },
  backward({ inputs: { x, table }, outputs: { y }, attributes: { direction } }, gradients) {
    const back = direction === 1 ? -1 : 1;
    if (gradients.wants(x)) gradients.add(x, turn(gradients.required(y), table, back));
  },
};
