/** What a model stores: one entry per tensor of its checkpoint, under its Hugging Face name. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * `ternary`: a BitLinear matrix [out, in], float in a training checkpoint, 2-bit in a packed one.
   * `matrix`: a dense matrix [out, in], for inference kept in the type that the checkpoint stores it in.
   * `embedding`: a table [vocabulary, width], kept in the type that the checkpoint stores it in: floats, or int8
   * rows with a scale each (packingRows.ts).
   * `vector`: norms, biases and lower bounds, always f32 in memory.
   */
  readonly role: 'ternary' | 'matrix' | 'embedding' | 'vector';
  /** How a new model starts: normal noise of this deviation, a constant, or a value for each element. */
  readonly init:
    | { readonly normal: number }
    | { readonly constant: number }
    | { readonly each: (index: number) => number };
}

/** Where the scale of a packed matrix, or the scales of int8 rows, are stored, as Hugging Face's BitNet integration does. */
export function scaleName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.weight_scale');
}
