/** A checkpoint through the compiler. */
import { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { loadParameters } from '../../checkpoint/load.ts';
import type { ParameterStore } from '../../checkpoint/parameterStore.ts';
import { InputError } from '../../errors.ts';
import { architectureOf } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import { type Storage, scaleName } from '../../model/parameters.ts';
import { Weights } from '../../model/weights.ts';
import { floatDecoder } from '../../ops/halfFloats.ts';
import { byteSize, type DType, type Tensor } from '../../program/tensor.ts';
import { recordStep, stepMemory } from '../../run/steps.ts';
import type { Table } from './builder.ts';
import { type Compiled, type CompileOptions, compile } from './compile.ts';
import type { Constants } from './lower.ts';

/** Parameters in the host's memory. */
class HostStore implements ParameterStore, Constants {
  readonly dtypes = new Map<string, DType>();
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #bytes = new Map<string, Uint8Array>();

  constructor(shapes: ReadonlyMap<string, readonly number[]>) {
    this.#shapes = shapes;
  }

  prepare(name: string, storage: Storage): void {
    if (typeof storage === 'object') {
      throw new InputError(
        `parameter ${name}: found codes with a scale for each group, expected one scale a matrix: the accelerator has ` +
          'no other; convert the checkpoint to floats first',
      );
    }
    this.dtypes.set(name, storage);
  }

  bytes(name: string): Uint8Array {
    const size = byteSize(this.dtypes.get(name)!, this.#shapes.get(name) ?? [1]);
    const found = this.#bytes.get(name) ?? new Uint8Array(size);
    this.#bytes.set(name, found);
    return found;
  }

  written(): void {}

  floats(tensor: Tensor): Float64Array {
    const at = this.#reader(tensor);
    return Float64Array.from({ length: tensor.size }, (_, i) => at(i));
  }

  table(tensor: Tensor, scales?: Tensor): Table {
    const [rows, width] = tensor.shape as [number, number];
    const at = scales ? this.#int8Reader(tensor, width, scales) : this.#reader(tensor);
    const values = new Float64Array(width);
    const row = (index: number) => {
      for (let i = 0; i < width; i++) values[i] = at(index * width + i);
      return values;
    };
    let largest = 0;
    for (let i = 0; i < rows * width; i++) largest = Math.max(largest, Math.abs(at(i)));
    return { rows, width, largest, row };
  }

  #reader({ name, dtype, size }: Tensor): (element: number) => number {
    const { buffer, byteOffset } = this.bytes(name);
    if (dtype === 'f32') {
      const floats = new Float32Array(buffer, byteOffset, size);
      return (i) => floats[i]!;
    }
    const decode = floatDecoder(dtype);
    const halves = new Uint16Array(buffer, byteOffset, size);
    return (i) => decode(halves[i]!);
  }

  /** Int8 rows, each with its scale. */
  #int8Reader({ name, size }: Tensor, width: number, scales: Tensor): (element: number) => number {
    const { buffer, byteOffset } = this.bytes(name);
    const codes = new Int8Array(buffer, byteOffset, size);
    const scale = this.floats(scales);
    return (i) => codes[i]! * scale[Math.floor(i / width)]!;
  }

  packed({ name }: Tensor): Uint8Array {
    return this.bytes(name);
  }
}

/** A model as a program and an image of DRAM. */
export interface CompiledModel extends Compiled {
  readonly config: ModelConfig;
}

/**
 * Compiles the model of a folder, float or packed.
 * @throws InputError if it is damaged, of a kind that the accelerator does not run, or too large for it
 */
export async function compileModel(
  folder: string,
  options: CompileOptions & {
    readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void;
    readonly signal?: AbortSignal;
  },
): Promise<CompiledModel> {
  const checkpoint = await Checkpoint.open(folder);
  try {
    const { config } = checkpoint;
    checkKind(config);
    const specs = architectureOf(config).parameters();
    const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
    for (const { name, role, shape } of specs) {
      if (role === 'ternary') shapes.set(scaleName(name), [1]);
      if (role === 'embedding') shapes.set(scaleName(name), [shape[0]!]);
    }
    const store = new HostStore(shapes);
    const { onProgress, signal } = options;
    await loadParameters(checkpoint, specs, store, { mode: 'inference', onProgress, signal });
    return { ...compileParameters(config, store.dtypes, store, options), config };
  } finally {
    await checkpoint.close();
  }
}

/** Compiles a model whose parameters are at hand. `dtypes` are those of the float parameters. */
export function compileParameters(
  config: ModelConfig,
  dtypes: ReadonlyMap<string, DType>,
  constants: Constants,
  options: CompileOptions,
): Compiled {
  checkKind(config);
  const architecture = architectureOf(config);
  const weights = new Weights(architecture.parameters(), 'inference', dtypes);
  const { program } = recordStep({ architecture, weights }, stepMemory(architecture, 1), 1, 'last');
  return compile(program, constants, options);
}

function checkKind({ modelType }: ModelConfig): void {
  if (modelType === 'hgrn_bit') return;
  throw new InputError(
    `model_type: found "${modelType}", expected "hgrn_bit": the accelerator runs MatMul-free models`,
  );
}
