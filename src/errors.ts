/** The errors that the library throws. Programs tell them apart by class or by `code`. */

export type ErrorCode =
  | 'invalid-input'
  | 'not-finite'
  | 'out-of-memory'
  | 'disposed'
  | 'busy'
  | 'no-gpu'
  | 'gpu-failed'
  | 'mpi'
  | 'missing-package';

/**
 * Input from outside is not what it has to be: a file, a config field, a prompt, an argument.
 * The message names the field, what was found and what was expected; the command line prints it and exits 1.
 */
export class InputError extends Error {
  override name = 'InputError';
  readonly code: ErrorCode = 'invalid-input';
}

/**
 * A model computed NaN or Infinity: its weights are damaged or diverged. Nothing is wrong with the request; a server
 * answers 500, the command line prints the message and exits 1.
 */
export class NumericalError extends Error {
  override name = 'NumericalError';
  readonly code: ErrorCode = 'not-finite';
}

/** The model was disposed, before the call or during it. */
export class DisposedError extends Error {
  override name = 'DisposedError';
  readonly code: ErrorCode = 'disposed';
}

/** A session or chat is still at work for an earlier call. */
export class BusyError extends InputError {
  override name = 'BusyError';
  override readonly code: ErrorCode = 'busy';
}
