/** Held-out text as a task: how well a model predicts documents that it was not trained on. */
import { readDocuments } from '../text/corpus.ts';
import type { Item, Task } from './task.ts';

export const heldOutText: Pick<Task, 'name' | 'version' | 'scoring' | 'headline'> = {
  name: 'text',
  version: 2,
  scoring: 'text',
  headline: 'bits_per_byte',
};

/**
 * Yields an item for each document of text files (divided by lines `<|endoftext|>`) and JSON lines.
 * @throws InputError if a file is missing or malformed
 */
export async function* documentItems(
  files: readonly string[],
  options: { readonly field?: string; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Item> {
  let count = 0;
  for await (const document of readDocuments(files, options)) {
    yield {
      where: `${files.join(', ')}, document ${++count}`,
      requests: [{ context: '', continuation: document }],
      size: { words: document.split(/\s+/).length, bytes: Buffer.byteLength(document) },
    };
  }
}
