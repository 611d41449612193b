/** The parameters of a model: one entry per tensor of its checkpoint, under its Hugging Face name. */
import type { DType } from '../program/tensor.ts';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * `ternary`: a BitLinear matrix [out, in], float in a training checkpoint, 2-bit in a packed one.
   * `matrix`: a dense matrix [out, in], for inference kept in the form that the checkpoint stores it in.
   * `embedding`: a table [vocabulary, width], kept in the form that the checkpoint stores it in: floats, or int8
   * rows with a scale each (packingRows.ts). Both may be codes with a scale for each group of neighbours.
   * `vector`: norms, biases and lower bounds, always f32 in memory.
   */
  readonly role: 'ternary' | 'matrix' | 'embedding' | 'vector';
  /** Whether a checkpoint may lack it; `init` then fills it. */
  readonly optional?: boolean;
  /** Initialisation of a new model: normal noise of this deviation, a constant, or a value per element. */
  readonly init:
    | { readonly normal: number }
    | { readonly constant: number }
    | { readonly each: (index: number) => number };
}

/** A matrix [out, in] of codes, with a scale [out, in / group], and maybe an offset, for each group of neighbours in a row. */
export interface Grouped {
  readonly codes: 'ternary' | 'binary' | 'u4' | 'i8';
  readonly group: number;
  readonly scales: 'f16' | 'f32';
  /** What is added to the entries of a group; codes of four bits and int8 ones only. */
  readonly offsets?: 'f32' | undefined;
}

/** What a parameter is in memory: elements of one type, or codes with scales. */
export type Storage = DType | Grouped;

/** Name of the scale of a packed matrix, or of the scales of int8 rows, as in Hugging Face's BitNet integration. */
export function scaleName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.weight_scale');
}

/** Name of the offsets of a matrix of codes with scales for groups. */
export function offsetName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.weight_offset');
}

/** Projections that write to the residual stream start smaller, because each of the 2L adds to its variance. */
export function deviations({
  initializerRange,
  layers,
}: {
  readonly initializerRange: number;
  readonly layers: number;
}) {
  return {
    normal: { normal: initializerRange },
    residual: { normal: initializerRange / Math.sqrt(2 * layers) },
  };
}

/** Fills the elements from `first` on of a parameter that is initialised without noise. */
export function fillFixed(target: Float32Array, init: ParameterSpec['init'], first = 0): void {
  if ('each' in init) for (let i = 0; i < target.length; i++) target[i] = init.each(first + i);
  else if ('constant' in init) target.fill(init.constant);
}
