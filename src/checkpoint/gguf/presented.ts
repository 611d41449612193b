/** The forms in which tensors of GGUF files are presented: those that loading and converting know. */
import { InputError } from '../../errors.ts';
import { offsetName, scaleName } from '../../model/parameters.ts';
import { packedRows } from '../../program/tensor.ts';
import type { TensorInfo } from '../safetensorsHeader.ts';
import { dequantise } from './dequantise.ts';
import { type GroupedType, groupedType } from './grouped.ts';
import { codeBytes, offsetBytes, packCodesOf, scaleBytes } from './groupedMatrix.ts';
import { type CodedRows, codedBlocks, codedFloats, looksTernary, packOneScale, scaleOf } from './oneScale.ts';
import { fillFromRows, type MadeRows, type Rows } from './rows.ts';
import { packI2 } from './ternaryRows.ts';
import type { GgufType } from './types.ts';

/** A tensor as it is presented. */
export interface Presented extends TensorInfo {
  readInto(target: Uint8Array, start: number): Promise<void>;
}

/** A tensor of a file. */
export interface Stored {
  /** Its Hugging Face name. */
  readonly name: string;
  /** What errors call it. */
  readonly where: string;
  readonly type: GgufType;
  readonly shape: readonly number[];
  readonly rows: Rows;
  /** What multiplies the scale of the matrix. */
  readonly factor: () => Promise<number>;
  /** Bytes of the tensor from `start` on, as they are stored. */
  readonly readInto: (target: Uint8Array, start: number) => Promise<void>;
}

type Named = readonly (readonly [name: string, tensor: Presented])[];

function matrix(
  dtype: TensorInfo['dtype'],
  [rows, columns]: readonly [number, number],
  made: MadeRows,
): Presented {
  return {
    ...{ dtype, shape: [rows, columns], byteLength: rows * made.width },
    readInto: (target, start) => fillFromRows(target, start, made),
  };
}

/** Floats as they are stored, codes with a scale for each group, or, for want of both, f32. */
export function plainTensor({ name, type, shape, rows }: Stored): Named {
  if (type.blockElements === 1) return [[name, asStored(type, shape, rows)]];
  const grouped = groupedType(type);
  return grouped && shape.length === 2
    ? groupedTensors(name, type, grouped, rows)
    : [[name, asFloats(type, shape, rows)]];
}

function asStored(type: GgufType, shape: readonly number[], rows: Rows): Presented {
  const dtype = type.name as 'F32' | 'F16' | 'BF16';
  const make: MadeRows['make'] = async (first, count, target) => target.set(await rows.read(first, count));
  const made = { width: rows.width, storedWidth: rows.width, make };
  return { ...matrix(dtype, [rows.count, rows.columns], made), shape };
}

function asFloats(type: GgufType, shape: readonly number[], rows: Rows): Presented {
  const make: MadeRows['make'] = async (first, count, target) => {
    const floats = new Float32Array(target.buffer, target.byteOffset, count * rows.columns);
    dequantise(type, await rows.read(first, count), floats);
  };
  const made = { width: 4 * rows.columns, storedWidth: rows.width, make };
  return { ...matrix('F32', [rows.count, rows.columns], made), shape };
}

/** See groupedRows.ts. */
function groupedTensors(
  name: string,
  type: GgufType,
  grouped: GroupedType,
  { count, columns, width: storedWidth, read, scratch }: Rows,
): Named {
  const width = codeBytes(grouped, columns);
  const groups = columns / grouped.group;
  const [dtype, scaleWidth] = grouped.scaleAt === undefined ? (['F32', 4] as const) : (['F16', 2] as const);
  const codes: MadeRows['make'] = async (first, length, target) =>
    packCodesOf(type, grouped, await read(first, length), target, scratch);
  const scales: MadeRows['make'] = async (first, length, target) =>
    scaleBytes(type, grouped, await read(first, length), target);
  const offsets: MadeRows['make'] = async (first, length, target) =>
    offsetBytes(type, grouped, await read(first, length), target);
  const ofOffsets = { width: 4 * groups, storedWidth, make: offsets };
  const ofCodes = { width, storedWidth, make: codes };
  const ofScales = { width: scaleWidth * groups, storedWidth, make: scales };
  return [
    [name, matrix(grouped.kind === 'i8' ? 'I8' : 'U8', [count, width], ofCodes)],
    [scaleName(name), matrix(dtype, [count, groups], ofScales)],
    ...(grouped.offsets ? ([[offsetName(name), matrix('F32', [count, groups], ofOffsets)]] as const) : []),
  ];
}

/**
 * A matrix of codes with one scale, in the packed form of packing.ts. Floats that are not such a matrix stay as they are,
 * for loading to round them.
 * @throws InputError for a type whose codes are not ternary
 */
export async function ternaryTensor(stored: Stored): Promise<Named> {
  const { type, rows, where } = stored;
  if (type.name === 'I2_S') return packedI2(stored);
  if (type.blockElements === 1 && !(await looksTernary(type, rows))) return plainTensor(stored);
  const grouped = groupedType(type);
  const coded =
    type.blockElements === 1
      ? codedFloats(type, rows)
      : grouped?.kind === 'ternary'
        ? codedBlocks(type, grouped, rows)
        : undefined;
  if (coded) return packedOneScale(stored, coded);
  throw new InputError(
    `${where}: found ${type.name}, expected I2_S, TQ1_0, TQ2_0, Q2_0, PQ2_0 or floats in a model whose matrices are ` +
      'ternary with one scale each',
  );
}

/** A row of the packed form is made of four stored ones. */
function packedMatrix({ count, columns, width }: Rows, make: MadeRows['make']): Presented {
  return matrix('U8', [packedRows(count), columns], { width: columns, storedWidth: width, make });
}

function packedOneScale({ name, rows: stored, where, factor }: Stored, rows: CodedRows): Named {
  let found: Promise<number> | undefined;
  const scale = () => {
    found ??= scaleOf(rows);
    return found;
  };
  const single: MadeRows['make'] = async (_first, _count, target) =>
    target.set(new Uint8Array(Float32Array.of((await scale()) * (await factor())).buffer));
  return [
    [
      name,
      packedMatrix(stored, async (first, _, target) =>
        packOneScale(rows, await scale(), first, target, where),
      ),
    ],
    [scaleName(name), { ...matrix('F32', [1, 1], { width: 4, storedWidth: 4, make: single }), shape: [1] }],
  ];
}

/** The scale of I2_S follows the codes. */
function packedI2({ name, rows, readInto }: Stored): Named {
  const codes = rows.count * rows.width;
  const make: MadeRows['make'] = (first, _, target) => packI2(rows, first, target);
  return [
    [name, packedMatrix(rows, make)],
    [
      scaleName(name),
      {
        dtype: 'F32',
        shape: [1],
        byteLength: 4,
        readInto: (target, start) => readInto(target, codes + start),
      },
    ],
  ];
}
