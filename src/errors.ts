/**
 * Input from outside was not what it had to be: a file, a config field, a prompt, an argument.
 * The message names the field, what was found and what was expected; the command line prints it and exits 1.
 */
export class InputError extends Error {
  override name = 'InputError';
}

/**
 * A model computed NaN or Infinity where a result was to come: its weights are damaged or diverged. Nothing is wrong
 * with the request; a server answers 500, the command line prints the message and exits 1.
 */
export class NumericalError extends Error {
  override name = 'NumericalError';
}
