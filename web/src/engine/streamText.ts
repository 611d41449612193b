/** Sends generated text to the page piece by piece, and measures its speed. */
import type { Finish, GenerateOptions } from '../../../src/generate/generate.ts';
import type { Sampling, Written } from './protocol.ts';

export type Report<E> = (event: E) => void;

export async function streamText(
  generate: (options: GenerateOptions) => AsyncIterable<string>,
  { temperature, maxTokens, seed }: Sampling,
  report: Report<string>,
  signal: AbortSignal,
): Promise<Written> {
  let tokens = 0;
  let began = 0;
  let finish: Finish | undefined;
  const options: GenerateOptions = {
    ...{ temperature, maxTokens, signal, topP: 0.95 },
    ...(seed === undefined ? {} : { seed }),
    onToken: () => {
      began ||= performance.now(); // the first token includes reading the prompt
      tokens++;
    },
    onFinish: (finished) => {
      finish = finished;
    },
  };
  const buffer = new PieceBuffer(report);
  for await (const piece of generate(options)) buffer.add(piece);
  buffer.flush();
  const seconds = (performance.now() - began) / 1000;
  return {
    tokens,
    tokensPerSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : 0,
    reason: finish?.reason ?? 'abort',
  };
}

/** Minimum milliseconds between two messages to the page: about two frames of a screen. */
const minPause = 30;

/** Merges pieces that come quickly: a small model generates faster than a page can be drawn. */
class PieceBuffer {
  readonly #report: Report<string>;
  #text = '';
  #lastFlush = 0;

  constructor(report: Report<string>) {
    this.#report = report;
  }

  add(piece: string): void {
    this.#text += piece;
    if (performance.now() - this.#lastFlush >= minPause) this.flush();
  }

  flush(): void {
    if (this.#text !== '') this.#report(this.#text);
    this.#text = '';
    this.#lastFlush = performance.now();
  }
}
