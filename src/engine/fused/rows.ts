/** What kernels over rows compute, for prompts and training: from a source to int8 rows, and back. */
import type { Tensor } from '../../program/tensor.ts';
import type { RowSource } from './rowSource.ts';

/** A sum, and what it is added to. */
export interface Sum {
  readonly y: Tensor;
  readonly before: Tensor | undefined;
}

/** q [n·rows, words·4] int8, step and sum [n·rows]: the rows for the first norm, for the second and so on. */
export interface QuantiseRows {
  readonly source: RowSource;
  readonly norms: readonly Tensor[];
  readonly q: Tensor;
  readonly step: Tensor;
  readonly sum: Tensor;
}

/**
 * Backward through the RMSNorms of several projections and through their common source at once.
 *
 * The source's result is a = r0·u. With ŷ_n = a·r1·γ_n for projection n, and e = Σ dŷ_n ⊙ γ_n,
 *
 *   da = r1·e − a·(r1³·Σ(e·a)/width),   dγ_n = Σ_rows dŷ_n ⊙ a·r1,
 *
 * since all projections share r1. A row therefore needs only three sums: Σx², Σu² and Σ(e·u). For a norm
 * u = x ⊙ w, where w is γ0, or γ0 ⊙ SiLU(h):
 *
 *   dx = r0·(da ⊙ w) − x·(r0³·Σ(da·w·x)/width),   dγ0 = Σ_rows da ⊙ x·r0 (⊙ SiLU(h)).
 *
 * da is orthogonal to a but for r1's ε, so Σ(da·w·x) is r1³·ε·Σ(e·u). Computed in this form, nothing cancels.
 */
export interface GradientOfRows {
  readonly source: RowSource;
  readonly norms: readonly Tensor[];
  /** dŷ of each projection [rows, width]. */
  readonly dys: readonly Tensor[];
  readonly dx: Sum;
  /** The largest magnitude of an entry of dx in each part of the rows. */
  readonly largest: Tensor;
  readonly dh: Tensor | undefined;
  /** Gradient of the source's norm. */
  readonly dgamma: Sum | undefined;
  readonly dnorms: readonly Sum[];
}
