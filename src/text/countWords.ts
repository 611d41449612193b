/** Counts the words of a corpus in one pass and bounded memory. */
import { flatCopy } from './boundedCache.ts';

export interface CountOptions {
  /** Cuts a document into words. */
  split: (document: string) => string[];
  /** Max distinct words to hold, default 2^21 (about 200 MB). */
  maxWords?: number;
  /** Called after each document with the characters counted so far. */
  onDocument?: (characters: number) => void;
  signal?: AbortSignal;
}

/**
 * When more than `maxWords` distinct words are held, the rarest are dropped until half remain: first those seen once,
 * then twice, and so on. A dropped word restarts from zero, so counts are exact for words that were never dropped and
 * lower bounds for the others.
 */
export async function countWords(
  documents: AsyncIterable<string>,
  { split, maxWords = 2 ** 21, onDocument, signal }: CountOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let characters = 0;
  for await (const document of documents) {
    signal?.throwIfAborted();
    for (const word of split(document)) {
      const count = counts.get(word);
      if (count !== undefined) counts.set(word, count + 1);
      else {
        counts.set(flatCopy(word), 1);
        if (counts.size > maxWords) forgetRarest(counts, maxWords / 2);
      }
    }
    characters += document.length;
    onDocument?.(characters);
  }
  return counts;
}

function forgetRarest(counts: Map<string, number>, target: number): void {
  for (let rarest = 1; counts.size > target; rarest++) {
    for (const [word, count] of counts) if (count <= rarest) counts.delete(word);
  }
}
