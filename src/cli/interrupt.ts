/** Ctrl-C: the first asks for an orderly end, the second ends at once. */

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  release(): void;
}

/** @param onFirst tells the user what happens now */
export function catchInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  const handle = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(signal === 'SIGTERM' ? 143 : 130);
    controller.abort(new Error(`interrupted by ${signal}`));
    onFirst();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  const release = () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
  return { signal: controller.signal, release };
}
