/**
 * Ternary matrices of models that have one scale a matrix, from types that have more: blocks with a scale each, all the
 * same, or floats that are 0 or ±s. Both are packed exactly, or refused.
 */
import { InputError } from '../../errors.ts';
import { packedRows } from '../../program/tensor.ts';
import { dequantise } from './dequantise.ts';
import type { GroupedType } from './grouped.ts';
import { raisedCodes, scalesOf } from './groupedMatrix.ts';
import type { Rows } from './rows.ts';
import type { GgufType } from './types.ts';

/** Rows as codes plus one, a byte each, and the scale of each group of `group` neighbours. */
export interface CodedRows {
  readonly count: number;
  readonly columns: number;
  readonly group: number;
  read(first: number, count: number): Promise<{ readonly raised: Uint8Array; readonly scales: Float32Array }>;
}

export function codedBlocks(type: GgufType, grouped: GroupedType, rows: Rows): CodedRows {
  return {
    ...{ count: rows.count, columns: rows.columns, group: grouped.group },
    async read(first, count) {
      const blocks = await rows.read(first, count);
      return { raised: raisedCodes(type, grouped, blocks), scales: scalesOf(type, grouped, blocks) };
    },
  };
}

/** Each float is a group of its own. */
export function codedFloats(type: GgufType, rows: Rows): CodedRows {
  return {
    ...{ count: rows.count, columns: rows.columns, group: 1 },
    async read(first, count) {
      const floats = new Float32Array(count * rows.columns);
      dequantise(type, await rows.read(first, count), floats);
      return {
        raised: Uint8Array.from(floats, (value) => Math.sign(value) + 1),
        scales: floats.map(Math.abs),
      };
    },
  };
}

/** Whether floats look like 0 and ±s, by the first row. Weights that are still to be rounded do not. */
export async function looksTernary(type: GgufType, rows: Rows): Promise<boolean> {
  const { scales } = await codedFloats(type, rows).read(0, 1);
  const different = new Set(scales);
  different.delete(0);
  return different.size === 1;
}

/** Rows that are looked at together. */
const step = 16;

/** The scale of the matrix: that of its first group that is not zero. */
export async function scaleOf(rows: CodedRows): Promise<number> {
  for (let first = 0; first < rows.count; first += step) {
    const { scales } = await rows.read(first, Math.min(step, rows.count - first));
    const found = scales.find((scale) => scale !== 0);
    if (found !== undefined) return found;
  }
  return 1; // of a matrix of zeros
}

/** Fills `target` with rows of the packed form [ceil(rows/4), columns] (packing.ts), from row `first` on. */
export async function packOneScale(
  rows: CodedRows,
  scale: number,
  first: number,
  packed: Uint8Array,
  where: string,
): Promise<void> {
  const height = packedRows(rows.count);
  const count = packed.length / rows.columns;
  packed.fill(0);
  for (let plane = 0; plane < 4; plane++) {
    const begin = first + plane * height;
    const present = Math.max(0, Math.min(count, rows.count - begin));
    const { raised, scales } = present > 0 ? await rows.read(begin, present) : none;
    for (const [g, own] of scales.entries()) {
      if (own !== scale && own !== 0) refuse(where, rows, begin, g, own, scale);
      // A scale of zero makes zeros of its codes.
      if (own === 0) raised.fill(1, g * rows.group, (g + 1) * rows.group);
    }
    addPlane(packed, raised, 2 * plane);
  }
}

const none = { raised: new Uint8Array(), scales: new Float32Array() };

/** Adds codes plus one at bit `shift`; where there are no more, zeros of the matrix. */
function addPlane(packed: Uint8Array, raised: Uint8Array, shift: number): void {
  const whole = (packed.byteOffset | raised.byteOffset) % 4 === 0 ? raised.length >> 2 : 0;
  const target = new Uint32Array(packed.buffer, whole && packed.byteOffset, whole);
  const words = new Uint32Array(raised.buffer, whole && raised.byteOffset, whole);
  // Four columns at a time.
  for (let k = 0; k < whole; k++) target[k]! |= words[k]! << shift;
  for (let k = 4 * whole; k < packed.length; k++) packed[k]! |= (raised[k] ?? 1) << shift;
}

function refuse(
  where: string,
  { columns, group }: CodedRows,
  begin: number,
  index: number,
  found: number,
  expected: number,
): never {
  const at = index * group;
  throw new InputError(
    `${where}: row ${begin + Math.floor(at / columns)}, column ${at % columns}: found the scale ${found}, expected ` +
      `${expected}: the matrices of this model have one scale each`,
  );
}
