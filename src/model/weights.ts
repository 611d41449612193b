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

export class Weights {
  readonly mode: WeightMode;
  readonly #tensors = new Map<string, Tensor>();

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

  /** The parameters `<prefix>.weight`, its scale if packed, and `<prefix>.norm.weight`. */
  bitLinear(prefix: string): BitLinearParameters {
    return { ...this.ternary(prefix), norm: this.get(`${prefix}.norm.weight`) };
  }

  /** The parameter `<prefix>.weight`, and its scale if packed. */
  ternary(prefix: string): TernaryLinearParameters {
    const name = `${prefix}.weight`;
    return {
      weight: this.get(name),
      scale: this.#tensors.get(scaleName(name)),
      plain: this.mode === 'plain',
    };
  }
}
