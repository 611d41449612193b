/**
 * Input from outside was not what it had to be: a file, a config field, a prompt, an argument.
 * The message names the field, what was found and what was expected; the command line prints it and exits 1.
 */
export class InputError extends Error {
  override name = 'InputError';
}
