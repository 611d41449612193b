/** Text as it is generated, told piece by piece, with its speed. */
import type { Finish, GenerateOptions } from '../../../src/generate/generate.ts';
import type { Sampling, Written } from './protocol.ts';

export type Tell<E> = (event: E) => void;

export async function writeDown(
  generate: (options: GenerateOptions) => AsyncIterable<string>,
  { temperature, maxTokens, seed }: Sampling,
  tell: Tell<string>,
  signal: AbortSignal,
): Promise<Written> {
  let tokens = 0;
  let began = 0;
  let finish: Finish | undefined;
  const options: GenerateOptions = {
    ...{ temperature, maxTokens, signal, topP: 0.95 },
    ...(seed === undefined ? {} : { seed }),
    onToken: () => {
      began ||= performance.now(); // the first token took reading the prompt, too
      tokens++;
    },
    onFinish: (finished) => {
      finish = finished;
    },
  };
  const slate = new Slate(tell);
  for await (const piece of generate(options)) slate.add(piece);
  slate.wipe();
  const seconds = (performance.now() - began) / 1000;
  return {
    tokens,
    tokensPerSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : 0,
    reason: finish?.reason ?? 'abort',
  };
}

/** Milliseconds between two messages to the page at least: about two frames of a screen. */
const minPause = 30;

/** Hands on what comes quickly in fewer, longer pieces: a small model writes faster than a page can be drawn. */
class Slate {
  readonly #tell: Tell<string>;
  #text = '';
  #told = 0;

  constructor(tell: Tell<string>) {
    this.#tell = tell;
  }

  add(piece: string): void {
    this.#text += piece;
    if (performance.now() - this.#told >= minPause) this.wipe();
  }

  wipe(): void {
    if (this.#text !== '') this.#tell(this.#text);
    this.#text = '';
    this.#told = performance.now();
  }
}
