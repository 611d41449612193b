import { type ErrorCode, InputError } from '../errors.ts';

/** The launcher of this rank is gone. */
export class LauncherError extends InputError {
  override name = 'LauncherError';
  override readonly code: ErrorCode = 'mpi';
}
