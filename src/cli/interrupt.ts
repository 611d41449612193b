/** Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. */

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** What a process that a signal ended exits with: 128 and the signal's number. 130 before there was one. */
  readonly exitCode: number;
  /** Gives Ctrl-C its usual meaning back. */
  release(): void;
}

const exitCodes: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 };

/** @param onFirst tells the user what happens now */
export function catchInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let exitCode = 130;
  const handle = (signal: NodeJS.Signals) => {
    exitCode = exitCodes[signal] ?? 130;
    if (controller.signal.aborted) process.exit(exitCode);
    controller.abort(new Error(`interrupted by ${signal}`));
    onFirst();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
