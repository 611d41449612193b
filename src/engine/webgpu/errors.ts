import { type ErrorCode, InputError } from '../../errors.ts';

/** The end of every message: what to do instead. */
export const remedy = "use the CPU: --engine cpu (in code: engine: 'cpu')";

/** WebGPU is missing or has no adapter: something that the user can change. */
export class NoGpuError extends InputError {
  override name = 'NoGpuError';
  override readonly code: ErrorCode = 'no-gpu';
}

/** The device refused work or is gone. */
export class GpuError extends InputError {
  override name = 'GpuError';
  override readonly code: ErrorCode = 'gpu-failed';
}
