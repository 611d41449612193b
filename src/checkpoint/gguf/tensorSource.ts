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
      if (name === frequencyFactors) continue; // part of the configuration
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
    await tensor.readInto(target, start);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
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
  return {
    ...{ name, where, type, shape, rows },
    readInto: (target, start) => file.readInto(ggufName, target, start),
  };
}
