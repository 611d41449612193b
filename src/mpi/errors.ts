import { type ErrorCode, InputError } from '../errors.ts';

/** No MPI library, one that does not fit the launcher, or a call that failed. */
export class MpiError extends InputError {
  override name = 'MpiError';
  override readonly code: ErrorCode = 'mpi';
}
