/** The prompt: from the command line, or from stdin. */
import { InputError } from '../errors.ts';

/** Larger than the context of any supported model. */
const maxBytes = 64_000_000;

/** @throws InputError if stdin is not UTF-8, or too long; the signal's reason */
export async function readPrompt(words: readonly string[], signal: AbortSignal): Promise<string> {
  if (words.length > 0) return words.join(' ');
  if (process.stdin.isTTY) console.error('The text to continue (end it with Ctrl-D on an empty line):');
  signal.addEventListener('abort', () => process.stdin.destroy(signal.reason as Error));
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > maxBytes) throw new InputError(`prompt: stdin gave over ${maxBytes} bytes, expected fewer`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
    return text.replace(/\r?\n$/, ''); // echo and files end with it, and prompts rarely intend it
  } catch (cause) {
    throw new InputError('prompt: stdin is not UTF-8 text', { cause });
  }
}
