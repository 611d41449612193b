import type { Tensor } from '../../program/tensor.ts';

/**
 * What a unit of a projection's int32 sums is worth: the step of its row, from row `first` of `step` on, times a scale.
 * Kernels that read sums scale them; the passes that would do nothing else are saved.
 */
export interface Units {
  readonly step: Tensor;
  readonly scale: Tensor;
  readonly first: number;
}
