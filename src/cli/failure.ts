/** How a command fails: its message and exit code. */
import { CommanderError } from 'commander';
import { OutOfMemoryError } from '../engine/engine.ts';
import { InputError, NumericalError } from '../errors.ts';
import { explainMissing } from '../optionalPackages.ts';
import { interruptByBrokenPipe } from './interrupt.ts';

/**
 * Reports an error to the user, and sets the exit code.
 * @param where which of several processes
 */
export function reportFailure(failure: unknown, where?: string): void {
  const error = explainMissing(failure) ?? failure;
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode; // commander has printed it
    return;
  }
  process.exitCode = 1;
  if (
    error instanceof InputError ||
    error instanceof NumericalError ||
    error instanceof OutOfMemoryError ||
    isOfTheSystem(error)
  ) {
    console.error(`plusminus: ${where ? `${where}: ` : ''}${error.message.replaceAll(/\s*\n\s*/g, ' ')}`);
    return;
  }
  if (where) console.error(where);
  console.error(error);
  console.error('plusminus: this is a bug in plusminus; please report it with the lines above');
}

/** A full disk, a folder without permission. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/**
 * `plusminus … | head` is not a failure: when the reader ends, the writer ends too, after saving its work. EIO is the error
 * of a terminal that was closed.
 */
export function endQuietlyOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      if (!interruptByBrokenPipe()) process.exit();
    });
  }
}
