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
  for await (const piece of generate(options)) tell(piece);
  const seconds = (performance.now() - began) / 1000;
  return {
    tokens,
    tokensPerSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : 0,
    reason: finish?.reason ?? 'abort',
  };
}
