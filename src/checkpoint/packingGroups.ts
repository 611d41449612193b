/**
 * Float matrices whose rows are codes times a scale for each group of neighbours, as `-unpacked` checkpoints and TriLM
 * have them: recognised, and packed exactly. Within a group all entries are ±s (binary), or ±s and 0 (ternary).
 */
import { InputError } from '../errors.ts';
import { f16ToF32, f32ToF16 } from './floats.ts';
import type { ReadRows } from './packing.ts';

/** A matrix as codes, the signs of its entries, and scales. */
export interface RecognisedGroups {
  readonly type: 'ternary' | 'binary';
  /** Inputs that share a scale: the most that the matrix allows. */
  readonly group: number;
  /** [rows, columns / group] */
  readonly scales: Float32Array<ArrayBuffer>;
  /** Whether f16 holds all scales exactly. */
  readonly halves: boolean;
}

/** The first entry of a matrix that is not a code times its group's scale. */
export interface Deviation {
  readonly row: number;
  readonly column: number;
  readonly found: number;
  /** The scale of the group's entries before it; undefined if the entry itself is not a finite number. */
  readonly scale: number | undefined;
}

/** Sizes of groups, from the one with the fewest scales on. */
const groupSizes = [256, 128, 64] as const;
/** Columns must be a multiple of it. */
export const smallestGroup = 64;

/** About this many weights are held as floats at a time. */
const chunkWeights = 2 ** 20;

/** Reads a matrix once and says what it is packed as, or where it is not what can be packed. */
export async function recogniseGroups(
  readRows: ReadRows,
  rows: number,
  columns: number,
): Promise<RecognisedGroups | Deviation> {
  const found = { zeros: false };
  const scales = new Float32Array((rows * columns) / smallestGroup);
  for await (const { weights, first } of chunks(readRows, rows, columns)) {
    const deviation = findScales(weights, scales.subarray((first * columns) / smallestGroup), found);
    if (!deviation) continue;
    const { at, scale } = deviation;
    return { row: first + Math.floor(at / columns), column: at % columns, found: weights[at]!, scale };
  }
  const sizes = groupSizes.filter((size) => columns % size === 0);
  const group = sizes.find((size) => areShared(scales, size / smallestGroup)) ?? smallestGroup;
  const merged = mergedScales(scales, group / smallestGroup);
  return { type: found.zeros ? 'ternary' : 'binary', group, scales: merged, halves: areHalves(merged) };
}

/** The error for a matrix that had to be codes times scales. */
export function refuseDeviation({ row, column, found, scale }: Deviation, where: string): never {
  const expected =
    scale === undefined ? 'a finite number' : `0 or ±${scale}, as the entries of its group before it`;
  throw new InputError(
    `${where}: entry [${row}, ${column}]: found ${found}, expected ${expected}, because only matrices that are ternary or ` +
      'binary can be packed; convert to f32, f16 or bf16',
  );
}

/** The codes of a recognised matrix, in chunks of whole rows. */
export async function* readSigns(
  readRows: ReadRows,
  rows: number,
  columns: number,
): AsyncGenerator<Int8Array<ArrayBuffer>> {
  for await (const { weights } of chunks(readRows, rows, columns)) {
    const signs = new Int8Array(weights.length);
    for (let k = 0; k < weights.length; k++) signs[k] = Math.sign(weights[k]!);
    yield signs;
  }
}

async function* chunks(readRows: ReadRows, rows: number, columns: number) {
  const step = Math.max(1, Math.floor(chunkWeights / columns));
  for (let first = 0; first < rows; first += step) {
    yield { weights: await readRows(first, Math.min(step, rows - first)), first };
  }
}

/** Fills in the scale of each smallest group, 0 for one of zeros; returns the first entry that does not fit. */
function findScales(weights: Float32Array, scales: Float32Array, found: { zeros: boolean }) {
  for (let g = 0; g * smallestGroup < weights.length; g++) {
    let scale = 0;
    for (let at = g * smallestGroup; at < (g + 1) * smallestGroup; at++) {
      const magnitude = Math.abs(weights[at]!);
      if (magnitude === 0) found.zeros = true;
      else if (scale === 0 && magnitude < Number.POSITIVE_INFINITY) scale = magnitude;
      else if (magnitude !== scale) return { at, scale: Number.isFinite(magnitude) ? scale : undefined };
    }
    scales[g] = scale;
  }
  return undefined;
}

/** Whether so many neighbouring scales are always one, but for those of zeros. */
function areShared(scales: Float32Array, count: number): boolean {
  const merged = mergedScales(scales, count);
  return scales.every((scale, k) => scale === 0 || scale === merged[Math.floor(k / count)]);
}

/** The largest of so many neighbours each. */
function mergedScales(scales: Float32Array, count: number): Float32Array<ArrayBuffer> {
  const merged = new Float32Array(scales.length / count);
  for (let k = 0; k < scales.length; k++) {
    const at = Math.floor(k / count);
    merged[at] = Math.max(merged[at]!, scales[k]!);
  }
  return merged;
}

/** Whether f16 holds all of them exactly. */
function areHalves(scales: Float32Array): boolean {
  const again = f16ToF32(f32ToF16(scales, new Uint16Array(scales.length)), new Float32Array(scales.length));
  return again.every((scale, k) => scale === scales[k]);
}
