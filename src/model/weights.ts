/** The parameters of a model as variables of an engine. */

import type { BitLinearParameters } from '../ops/bitLinear/bitLinear.ts';
import type { TernaryLinearParameters } from '../ops/ternaryLinear/ternaryLinear.ts';
import { type DType, type Tensor, variable } from '../program/tensor.ts';
import { type ParameterSpec, scaleName } from './parameters.ts';

/**
 * Storage of ternary matrices. `training` keeps float weights and quantises them in each step. `inference` keeps packed
 * codes and their scale. `plain` is `training` with each projection recorded as separate ops (norm, two quantisers,
 * dense product): the baseline that the fused op is measured against.
 */
export type WeightMode = 'training' | 'plain' | 'inference';

/** A matrix [out, width] in the form in which it is stored. */
export type StoredMatrix =
  /** f32, f16, bf16, or int8 rows with scales [out]. */
  | { readonly form: 'dense'; readonly weight: Tensor; readonly scales: Tensor | undefined }
  /** Ternary with one scale: packed, or floats that each step quantises. */
  | ({ readonly form: 'ternary' } & TernaryLinearParameters);

export class Weights {
  readonly mode: WeightMode;
  readonly #tensors = new Map<string, Tensor>();
  readonly #ternary = new Set<string>();

  /**
   * `dtypes` overrides a parameter's type in memory: an embedding may stay f16, bf16, or int8 rows with scales, a
   * dense matrix f16 or bf16.
   * @param placed variables that already have memory, by parameter name
   */
  constructor(
    specs: readonly ParameterSpec[],
    mode: WeightMode,
    dtypes: ReadonlyMap<string, DType> = new Map(),
    placed: ReadonlyMap<string, Tensor> = new Map(),
  ) {
    this.mode = mode;
    for (const { name, shape, role } of specs) {
      if (role === 'ternary') this.#ternary.add(name);
      const packed = role === 'ternary' && mode === 'inference';
      const dtype = packed ? 'ternary' : (dtypes.get(name) ?? 'f32');
      this.#tensors.set(name, placed.get(name) ?? variable(name, shape, dtype));
      if (packed) this.#tensors.set(scaleName(name), variable(scaleName(name), [1]));
      if (dtypes.get(name) === 'i8') {
        this.#tensors.set(scaleName(name), variable(scaleName(name), [shape[0]!]));
      }
    }
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`the model has no parameter ${name}`);
    return tensor;
  }

  /** The scales of a parameter that is stored as int8 rows. */
  rowScales(name: string): Tensor | undefined {
    return this.get(name).dtype === 'i8' ? this.get(scaleName(name)) : undefined;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  all(): Tensor[] {
    return [...this.#tensors.values()];
  }

  /** The matrix of this name. */
  matrix(name: string): StoredMatrix {
    return this.#ternary.has(name)
      ? { form: 'ternary', ...this.#ternaryMatrix(name) }
      : { form: 'dense', weight: this.get(name), scales: this.rowScales(name) };
  }

  /** The parameters `<prefix>.weight`, its scale if packed, and `<prefix>.norm.weight`. */
  bitLinear(prefix: string): BitLinearParameters {
    return { ...this.#ternaryMatrix(`${prefix}.weight`), norm: this.get(`${prefix}.norm.weight`) };
  }

  #ternaryMatrix(name: string): TernaryLinearParameters {
    return {
      weight: this.get(name),
      scale: this.#tensors.get(scaleName(name)),
      plain: this.mode === 'plain',
    };
  }
}
