/** A running generation, one at a time, which can be stopped at once. */
import { type Signal, signal } from '@preact/signals';

export class Generation {
  readonly running: Signal<boolean> = signal(false);
  /** For display and for screen readers: the activity, or how the last generation ended. */
  readonly status: Signal<string> = signal('');
  /** Whether the last one was stopped. */
  stopped = false;
  #controller: AbortController | undefined;

  /** @param work returns the status at the end */
  async run(work: (signal: AbortSignal) => Promise<string>): Promise<void> {
    if (this.running.value) return;
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    this.running.value = true;
    addEventListener('keydown', this.#stopOnEscape);
    this.status.value = 'Writing…';
    try {
      this.status.value = await work(signal);
    } catch (error) {
      this.status.value = signal.aborted
        ? 'Stopped.'
        : error instanceof Error
          ? error.message
          : String(error);
    } finally {
      this.stopped = signal.aborted;
      removeEventListener('keydown', this.#stopOnEscape);
      this.running.value = false;
    }
  }

  readonly #stopOnEscape = ({ key }: KeyboardEvent): void => {
    if (key === 'Escape') this.stop();
  };

  stop(): void {
    this.#controller?.abort();
  }
}

export function describeSpeed({
  tokens,
  tokensPerSecond,
}: {
  tokens: number;
  tokensPerSecond: number;
}): string {
  const speed = tokensPerSecond >= 10 ? Math.round(tokensPerSecond) : tokensPerSecond.toFixed(1);
  return tokens > 1
    ? `${tokens} tokens, ${speed} a second.`
    : `${tokens} ${tokens === 1 ? 'token' : 'tokens'}.`;
}
