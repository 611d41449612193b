/** The forms in which tensors of GGUF files are presented: those that loading and converting know. */
import { InputError } from '../../errors.ts';
import { scaleName } from '../../model/parameters.ts';
import { packedRows } from '../../program/tensor.ts';
import type { TensorInfo } from '../safetensorsHeader.ts';
import { dequantise } from './dequantise.ts';
import { type GroupedType, groupedType } from './grouped.ts';
import { codeBytes, packedCodes, scaleBytes } from './groupedMatrix.ts';
import { type CodedRows, codedBlocks, codedFloats, looksTernary, packOneScale, scaleOf } from './oneScale.ts';
import { fillFromRows, type Rows } from './rows.ts';
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
  width: number,
  make: (first: number, count: number) => Promise<Uint8Array>,
): Presented {
  const byteLength = rows * width;
  return {
    ...{ dtype, shape: [rows, columns], byteLength },
    readInto: (target, start) => fillFromRows(target, start, width, make),
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
  return { ...matrix(dtype, [rows.count, rows.columns], rows.width, rows.read), shape };
}

function asFloats(type: GgufType, shape: readonly number[], rows: Rows): Presented {
  const make = async (first: number, count: number) => {
    const floats = new Float32Array(count * rows.columns);
    dequantise(type, await rows.read(first, count), floats);
    return new Uint8Array(floats.buffer);
  };
  return { ...matrix('F32', [rows.count, rows.columns], 4 * rows.columns, make), shape };
}

/** See groupedRows.ts. */
function groupedTensors(
  name: string,
  type: GgufType,
  grouped: GroupedType,
  { count, columns, read }: Rows,
): Named {
  const width = codeBytes(grouped, columns);
  const groups = columns / grouped.group;
  const [dtype, scaleWidth] = grouped.scaleAt === undefined ? (['F32', 4] as const) : (['F16', 2] as const);
  const codes = async (first: number, length: number) =>
    packedCodes(type, grouped, await read(first, length));
  const scales = async (first: number, length: number) =>
    scaleBytes(type, grouped, await read(first, length));
  return [
    [name, matrix(grouped.kind === 'i8' ? 'I8' : 'U8', [count, width], width, codes)],
    [scaleName(name), matrix(dtype, [count, groups], scaleWidth * groups, scales)],
  ];
}

/**
 * A matrix of codes with one scale, in the packed form of packing.ts. Floats that are not such a matrix stay as they are,
 * for loading to round them.
 * @throws InputError for a type whose codes are not ternary
 */
export async function ternaryTensor(stored: Stored): Promise<Named> {
  const { name, type, rows, where, factor } = stored;
  if (type.name === 'I2_S') return packedI2(stored);
  if (type.blockElements === 1 && !(await looksTernary(type, rows))) return plainTensor(stored);
  const grouped = groupedType(type);
  const coded =
    type.blockElements === 1
      ? codedFloats(type, rows)
      : grouped?.kind === 'ternary'
        ? codedBlocks(type, grouped, rows)
        : undefined;
  if (coded) return packedOneScale(name, coded, where, factor);
  throw new InputError(
    `${where}: found ${type.name}, expected I2_S, TQ1_0, TQ2_0, Q2_0, PQ2_0 or floats in a model whose matrices are ` +
      'ternary with one scale each',
  );
}

function packedMatrix(
  { count, columns }: Pick<Rows, 'count' | 'columns'>,
  make: Parameters<typeof matrix>[3],
) {
  return matrix('U8', [packedRows(count), columns], columns, make);
}

function packedOneScale(name: string, rows: CodedRows, where: string, factor: () => Promise<number>): Named {
  let found: Promise<number> | undefined;
  const scale = () => {
    found ??= scaleOf(rows);
    return found;
  };
  const make = async (first: number, count: number) => packOneScale(rows, await scale(), first, count, where);
  const single = matrix(
    'F32',
    [1, 1],
    4,
    async () => new Uint8Array(Float32Array.of((await scale()) * (await factor())).buffer),
  );
  return [
    [name, packedMatrix(rows, make)],
    [scaleName(name), { ...single, shape: [1] }],
  ];
}

/** The scale of I2_S follows the codes. */
function packedI2({ name, rows, readInto }: Stored): Named {
  const codes = rows.count * rows.width;
  const make = (first: number, count: number) => packI2(rows, first, count);
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
