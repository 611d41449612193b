import { type ErrorCode, InputError } from '../../errors.ts';

/** What to do instead, at the end of every message. */
export const remedy = "use the CPU: --engine cpu (in code: engine: 'cpu')";

/** There is no WebGPU here, or it has no adapter: something that the user can change. */
export class NoGpuError extends InputError {
  override name = 'NoGpuError';
  override readonly code: ErrorCode = 'no-gpu';
}

/** The device refused work or is gone. */
export class GpuError extends InputError {
  override name = 'GpuError';
  override readonly code: ErrorCode = 'gpu-failed';
}
