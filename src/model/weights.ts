/** The parameters of a model as variables of an engine. */

import type { GroupedMatrix } from '../ops/groupedLinear/groupedLinear.ts';
import type { TernaryLinearParameters } from '../ops/ternaryLinear/ternaryLinear.ts';
import { type DType, type Shape, type Tensor, variable } from '../program/tensor.ts';
import { type Grouped, offsetName, type ParameterSpec, type Storage, scaleName } from './parameters.ts';

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
  | ({ readonly form: 'ternary' } & TernaryLinearParameters)
  /** Codes with scales, and maybe offsets, [out, groups]. */
  | ({ readonly form: 'grouped' } & Omit<GroupedMatrix, 'bias'>);

export class Weights {
  readonly mode: WeightMode;
  readonly #tensors = new Map<string, Tensor>();
  readonly #ternary = new Set<string>();

  /**
   * `stored` says how parameters are stored in memory: an embedding may stay f16, bf16 or int8 rows with scales, a
   * dense matrix f16 or bf16, both codes with scales for groups. Default: f32.
   * @param placed variables that already have memory, by parameter name
   */
  constructor(
    specs: readonly ParameterSpec[],
    mode: WeightMode,
    stored: ReadonlyMap<string, Storage> = new Map(),
    placed: ReadonlyMap<string, Tensor> = new Map(),
  ) {
    this.mode = mode;
    for (const { name, shape, role } of specs) {
      if (role === 'ternary') this.#ternary.add(name);
      const packed = role === 'ternary' && mode === 'inference';
      const form = packed ? 'ternary' : (stored.get(name) ?? 'f32');
      const dtype = typeof form === 'object' ? form.codes : form;
      this.#tensors.set(name, placed.get(name) ?? variable(name, shape, dtype));
      const scales = scalesOf(shape, form);
      if (scales) this.#tensors.set(scaleName(name), variable(scaleName(name), ...scales));
      const offsets = typeof form === 'object' && form.offsets;
      if (offsets)
        this.#tensors.set(offsetName(name), variable(offsetName(name), groupsOf(shape, form), offsets));
    }
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`the model has no parameter ${name}`);
    return tensor;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  all(): Tensor[] {
    return [...this.#tensors.values()];
  }

  /** The matrix of this name. */
  matrix(name: string): StoredMatrix {
    if (this.#ternary.has(name)) return { form: 'ternary', ...this.#ternaryMatrix(name) };
    const [weight, scales] = [this.get(name), this.#tensors.get(scaleName(name))];
    return scales?.shape.length === 2
      ? { form: 'grouped', codes: weight, scales, offsets: this.#tensors.get(offsetName(name)) }
      : { form: 'dense', weight, scales };
  }

  #ternaryMatrix(name: string): TernaryLinearParameters {
    return {
      weight: this.get(name),
      scale: this.#tensors.get(scaleName(name)),
      plain: this.mode === 'plain',
    };
  }
}

/**
 * The parameters of a model for inference.
 * @param stored how they are stored, or the element type of the embedding and of dense matrices
 */
export function weightsStoredAs(
  specs: readonly ParameterSpec[],
  stored: DType | ReadonlyMap<string, Storage>,
): Weights {
  if (typeof stored !== 'string') return new Weights(specs, 'inference', stored);
  const dense = specs.filter(({ role }) => role === 'embedding' || role === 'matrix');
  return new Weights(specs, 'inference', new Map(dense.map(({ name }) => [name, stored])));
}

/** Shape of the scales of groups. */
function groupsOf(shape: Shape, { group }: Grouped): Shape {
  return [shape[0]!, shape[1]! / group];
}

/** Shape and type of a parameter's scales, if it is stored with any: one, one a row, or one a group. */
function scalesOf(shape: Shape, form: Storage): [Shape, DType] | undefined {
  if (typeof form === 'object') return [groupsOf(shape, form), form.scales];
  if (form === 'ternary') return [[1], 'f32'];
  return form === 'i8' ? [[shape[0]!], 'f32'] : undefined;
}
