/** How a command fails: its message and exit code. */
import { CommanderError } from 'commander';
import { OutOfMemoryError } from '../engine/engine.ts';
import { InputError, NumericalError } from '../errors.ts';
import { explainMissing } from '../optionalPackages.ts';
import { explainSystemError, isSystemError, systemReason } from '../systemErrors.ts';
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
  const said = lineOf(error);
  if (said !== undefined) {
    console.error(`plusminus: ${where ? `${where}: ` : ''}${said}`);
    return;
  }
  if (where) console.error(where);
  console.error(error);
  console.error('plusminus: this is a bug in plusminus; please report it with the lines above');
}

/** One line about an error that users can mend; undefined for others, which are bugs. */
export function lineOf(error: unknown): string | undefined {
  if (isSystemError(error)) return explainSystemError(error);
  const isKnown =
    error instanceof InputError || error instanceof NumericalError || error instanceof OutOfMemoryError;
  return isKnown ? error.message.replaceAll(/\s*\n\s*/g, ' ') : undefined;
}

/**
 * When the output cannot be written any more, the command ends, after saving its work. `plusminus … | head` is not a
 * failure, nor a terminal that was closed (EIO); a full disk is.
 */
export function endWithOutput(): void {
  let ended = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const isClosed = error.code === 'EPIPE' || error.code === 'EIO';
      if (!isClosed && !ended) {
        process.exitCode = 1;
        if (stream === process.stdout)
          console.error(`plusminus: the output cannot be written: ${systemReason(error)}`);
      }
      ended = true;
      if (!interruptByBrokenPipe()) process.exit();
    });
  }
}
