/** Progress while a corpus becomes a tokenizer and token shards. */
import { formatCount } from '../format.ts';
import type { DataOptions } from '../train/data.ts';

/** Milliseconds between two redraws. */
const interval = 100;

type Callbacks = Pick<DataOptions, 'onTokenizer' | 'onShards'>;

/** Callbacks that keep one line of a terminal up to date; silent without a terminal, or if `quiet`. */
export function dataProgress(quiet = false): { readonly callbacks: Callbacks; readonly clear: () => void } {
  if (quiet || !process.stderr.isTTY) return { callbacks: {}, clear: () => {} };
  let last = 0;
  const draw = (text: string) => {
    if (performance.now() - last < interval) return;
    last = performance.now();
    process.stderr.write(`\r\x1b[K  ${text}`);
  };
  const callbacks: Callbacks = {
    onTokenizer: (progress) =>
      draw(
        progress.phase === 'count'
          ? `tokenizer: ${formatCount(progress.characters)} characters read`
          : `tokenizer: ${progress.vocabulary} of ${progress.vocabularySize} tokens learned`,
      ),
    onShards: ({ tokens }) => draw(`shards: ${formatCount(tokens)} tokens written`),
  };
  return { callbacks, clear: () => process.stderr.write('\r\x1b[K') };
}
