/** One decoding, by the same code in Node and in the browser. */
import type { LanguageModel } from '../src/languageModel.ts';

export interface Decoding {
  readonly tokensPerSecond: number;
  readonly ids: readonly number[];
}

/** Greedy, from one token; the first of the `tokens` is not timed, because it includes the prompt. */
export async function decode(model: LanguageModel, tokens: number): Promise<Decoding> {
  const ids: number[] = [];
  let began = 0;
  const onToken = (id: number): void => {
    if (ids.push(id) === 1) began = performance.now();
  };
  const options = { maxTokens: tokens, temperature: 0, stopAtEos: false, onToken };
  for await (const _ of model.generate([1], options));
  return { tokensPerSecond: (1000 * (tokens - 1)) / (performance.now() - began), ids };
}
