import { GpuError, NoGpuError } from '../webgpu/errors.ts';

export { remedy } from '../webgpu/errors.ts';

/** There is no NVIDIA GPU here, or a library is missing: something that the user can change. */
export class NoCudaError extends NoGpuError {}

/** The card or a library refused work, or the context is gone. */
export class CudaError extends GpuError {
  /** The driver's number of the error, if it came from there. */
  readonly status: number;

  constructor(message: string, status = 0) {
    super(message);
    this.status = status;
  }
}
