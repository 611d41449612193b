/**
 * A GGUF model as the tensors of a Hugging Face checkpoint: names, shapes and order of rows are Hugging Face's. Types are
 * those that the project stores: floats, ternary matrices with one scale (packing.ts), and codes with a scale for each
 * group (groupedRows.ts).
 */
import { InputError } from '../../errors.ts';
import { show } from '../../json.ts';
import { architectureOf } from '../../model/architecture.ts';
import { attends, type ModelConfig } from '../../model/config.ts';
import type { TensorInfo } from '../safetensorsHeader.ts';
import type { WeightFile } from '../tensorSource.ts';
import { familyOf } from './architecture.ts';
import type { GgufFile } from './ggufFile.ts';
import { type Presented, plainTensor, type Stored, ternaryTensor } from './presented.ts';
import { rowsOf } from './rows.ts';
import { frequencyFactors, huggingFaceName, isRotated } from './tensorNames.ts';

export class GgufTensors implements WeightFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: GgufFile;
  readonly #presented: ReadonlyMap<string, Presented>;
  /** The last read. Reads wait for the one before, because they share buffers. */
  #reading: Promise<void> = Promise.resolve();

  private constructor(file: GgufFile, presented: ReadonlyMap<string, Presented>) {
    this.path = file.path;
    this.#file = file;
    this.#presented = presented;
    this.tensors = presented;
  }

  /** @throws InputError for tensors that no supported architecture has, or of types that the model cannot have */
  static async open(file: GgufFile, config: ModelConfig): Promise<GgufTensors> {
    const ternary = new Set(
      architectureOf(config)
        .parameters()
        .flatMap(({ name, role }) => (role === 'ternary' ? [name] : [])),
    );
    const presented = new Map<string, Presented>();
    for (const name of file.tensors.keys()) {
      // Part of the configuration, and of the matrix that it belongs to.
      if (name === frequencyFactors || isScaleOfMatrix(file, name)) continue;
      const stored = storedTensor(file, name, config);
      const tensors = ternary.has(stored.name) ? await ternaryTensor(stored) : plainTensor(stored);
      for (const [hugging, tensor] of tensors) presented.set(hugging, tensor);
    }
    return new GgufTensors(file, presented);
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
    const read = this.#reading.then(() => tensor.readInto(target, start));
    this.#reading = read.catch(() => undefined);
    await read;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** llama.cpp's BitNet has the scale of a matrix in a tensor of its own. */
function isScaleOfMatrix(file: GgufFile, name: string): boolean {
  return scaleTensor(file, name.replace(/scale$/, 'weight')) === name;
}

/** The name of the tensor that holds the scale of a matrix, if the file has one. */
function scaleTensor(file: GgufFile, name: string): string | undefined {
  const scale = name.replace(/weight$/, 'scale');
  const isOfBitNet = familyOf(file.metadata).modelType === 'bitnet';
  return isOfBitNet && scale !== name && file.tensors.has(scale) && file.tensors.has(name)
    ? scale
    : undefined;
}

/** The number in a tensor. @throws InputError unless it is one f32 */
async function readNumber(file: GgufFile, name: string): Promise<number> {
  const { type, shape } = file.tensors.get(name)!;
  if (type.name !== 'F32' || shape.join() !== '1') {
    throw new InputError(
      `${file.path}: tensor ${show(name)}: found ${type.name} of shape ${show(shape)}, expected one F32`,
    );
  }
  const value = new Float32Array(1);
  await file.readInto(name, new Uint8Array(value.buffer), 0);
  return value[0]!;
}

function storedTensor(file: GgufFile, ggufName: string, config: ModelConfig): Stored {
  const { type, shape } = file.tensors.get(ggufName)!;
  const turned = familyOf(file.metadata).turnsRows && isRotated(ggufName);
  const headRows = turned && attends(config) ? config.headSize : undefined;
  const name = huggingFaceName(ggufName, file.path);
  const where = `${file.path}: tensor ${show(ggufName)}`;
  const rows = rowsOf(file, ggufName, headRows);
  if (headRows !== undefined && rows.count % headRows !== 0)
    throw new InputError(`${where}: found ${rows.count} rows, expected heads of ${headRows}`);
  const scale = scaleTensor(file, ggufName);
  return {
    ...{ name, where, type, shape, rows },
    factor: async () => (scale === undefined ? 1 : readNumber(file, scale)),
    readInto: (target, start) => file.readInto(ggufName, target, start),
  };
}
