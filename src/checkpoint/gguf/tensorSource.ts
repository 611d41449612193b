/**
 * A GGUF model as the tensors of a Hugging Face checkpoint: names, shapes and order of rows are Hugging Face's, and so
 * are the types: floats, and packed ternary matrices with their scale.
 */
import { InputError } from '../../errors.ts';
import { scaleName } from '../../model/parameters.ts';
import { packedRows } from '../../program/tensor.ts';
import type { TensorInfo } from '../safetensorsHeader.ts';
import type { WeightFile } from '../tensorSource.ts';
import { familyOf } from './architecture.ts';
import { dequantise } from './dequantise.ts';
import type { GgufFile } from './ggufFile.ts';
import type { GgufTensor } from './header.ts';
import { fillFromRows, type Rows, rowsOf } from './rows.ts';
import { frequencyFactors, huggingFaceName, isRotated } from './tensorNames.ts';
import { packI2 } from './ternaryRows.ts';

/** A tensor as it is presented. */
interface Presented extends TensorInfo {
  readInto(target: Uint8Array, start: number): Promise<void>;
}

/** Rows of a head of q and k, and whether those that rotate together are neighbours. */
interface Heads {
  readonly headSize: number;
  readonly turned: boolean;
}

export class GgufTensors implements WeightFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: GgufFile;
  readonly #presented: ReadonlyMap<string, Presented>;

  /**
   * @param headSize rows of a head of q and k
   * @throws InputError for tensors that no supported architecture has
   */
  constructor(file: GgufFile, headSize: number) {
    this.path = file.path;
    this.#file = file;
    const names = [...file.tensors.keys()].filter((name) => name !== frequencyFactors);
    const heads = { headSize, turned: familyOf(file.metadata).turnsRows };
    this.#presented = new Map(names.flatMap((name) => present(file, name, heads)));
    this.tensors = this.#presented;
  }

  /** Fills `target` with the bytes of a tensor from byte `start` on. */
  async readInto(name: string, target: Uint8Array, start = 0): Promise<void> {
    const tensor = this.#presented.get(name);
    if (!tensor)
      throw new InputError(`${this.path}: tensor "${name}" not found among its ${this.tensors.size} tensors`);
    if (!Number.isSafeInteger(start) || start < 0 || start + target.length > tensor.byteLength) {
      throw new RangeError(
        `${this.path}: tensor "${name}": bytes ${start} to ${start + target.length} of ${tensor.byteLength}`,
      );
    }
    await tensor.readInto(target, start);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function present(file: GgufFile, ggufName: string, { headSize, turned }: Heads): [string, Presented][] {
  const name = huggingFaceName(ggufName, file.path);
  const tensor = file.tensors.get(ggufName)!;
  const rows = rowsOf(file, ggufName, turned && isRotated(ggufName) ? headSize : undefined);
  if (tensor.type.name === 'I2_S') {
    return [
      [name, packedMatrix(rows)],
      [scaleName(name), scaleOf(file, ggufName, rows)],
    ];
  }
  return [[name, isFloat(tensor) ? asStored(tensor, rows) : asFloats(tensor, rows)]];
}

function isFloat({ type }: GgufTensor): boolean {
  return type.blockElements === 1;
}

function asStored({ type, shape, byteLength }: GgufTensor, rows: Rows): Presented {
  return {
    dtype: type.name as 'F32' | 'F16' | 'BF16',
    shape,
    byteLength,
    readInto: (target, start) => fillFromRows(target, start, rows.width, rows.read),
  };
}

function asFloats({ type, shape }: GgufTensor, rows: Rows): Presented {
  const make = async (first: number, count: number) => {
    const floats = new Float32Array(count * rows.columns);
    dequantise(type, await rows.read(first, count), floats);
    return new Uint8Array(floats.buffer);
  };
  return {
    dtype: 'F32',
    shape,
    byteLength: 4 * rows.count * rows.columns,
    readInto: (target, start) => fillFromRows(target, start, 4 * rows.columns, make),
  };
}

function packedMatrix(rows: Rows): Presented {
  const height = packedRows(rows.count);
  return {
    dtype: 'U8',
    shape: [height, rows.columns],
    byteLength: height * rows.columns,
    readInto: (target, start) =>
      fillFromRows(target, start, rows.columns, (first, count) => packI2(rows, first, count)),
  };
}

/** The scale of I2_S, which follows the codes. */
function scaleOf(file: GgufFile, ggufName: string, rows: Rows): Presented {
  const codeBytes = rows.count * rows.width;
  return {
    dtype: 'F32',
    shape: [1],
    byteLength: 4,
    readInto: (target, start) => file.readInto(ggufName, target, codeBytes + start),
  };
}
