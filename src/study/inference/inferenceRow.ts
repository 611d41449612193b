/** A case of the study of inference with what was planned, counted and measured. */
import type { KvCacheType } from '../../model/architecture.ts';
import type { InferenceMeasurement, InferencePlan } from './measureInference.ts';

export interface InferenceRow {
  readonly size: string;
  readonly family: string;
  readonly label: string;
  /** How keys and values are kept, if not in f32. */
  readonly kvCacheType?: KvCacheType | undefined;
  readonly planned: InferencePlan;
  /** Joules a token of arithmetic and memory at 7 nm. */
  readonly countedJoules: { readonly forward: number; readonly decode: number };
  readonly measured: InferenceMeasurement;
}
