/**
 * Signals for an orderly end: Ctrl-C, SIGTERM, a closed terminal, and, for commands that save their work, a closed output.
 * A second Ctrl-C or SIGTERM ends the process at once.
 */

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The exit code after a signal: 128 and the signal's number. 130 before any signal. */
  readonly exitCode: number;
  /** Restores the default handling of signals. */
  release(): void;
}

type Cause = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE';

const exitCodes: Readonly<Record<Cause, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 141 };

/** Handlers of the commands that save before they end. */
const saving = new Set<(cause: Cause) => void>();

export interface InterruptOptions {
  /** Treat a closed output, as by `| head`, like SIGTERM, instead of exiting at once. */
  readonly savesWork?: boolean;
}

/** @param onFirst called at the first signal, to say what happens now */
export function catchInterrupt(onFirst: () => void, { savesWork = false }: InterruptOptions = {}): Interrupt {
  const controller = new AbortController();
  let exitCode = exitCodes.SIGINT;
  const handle = (cause: Cause) => {
    if (controller.signal.aborted) {
      // A terminal that closes sends SIGHUP, perhaps twice, and breaks the output: one cause, not two.
      if (cause === 'SIGINT' || cause === 'SIGTERM') process.exit(exitCodes[cause]);
      return;
    }
    exitCode = exitCodes[cause];
    controller.abort(new Error(`interrupted by ${cause}`));
    onFirst();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, handle);
  if (savesWork) saving.add(handle);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      for (const name of signals) process.off(name, handle);
      saving.delete(handle);
    },
  };
}

/** Interrupts commands that save their work. Returns false if none is running. */
export function interruptByBrokenPipe(): boolean {
  for (const handle of saving) handle('SIGPIPE');
  return saving.size > 0;
}
