/**
 * Where the beginning of a chat ends that others may share: its system message and tools. The state there is kept the
 * first time it is read, so that the second chat that begins so reads only its own messages.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Tokens of the beginnings that are known: of some long ones, or of hundreds. */
const maxTokens = 2 ** 18;
/** Shorter ones are read again as fast as they are found. */
const minTokens = 16;

export class Preambles {
  /** By hash: tools that a template leaves out make long texts of few tokens. */
  readonly #known = new LRUCache<string, readonly number[]>({
    maxSize: maxTokens,
    sizeCalculation: ({ length }) => length + 128,
  });

  /**
   * The number of tokens at the beginning of `ids` that are the same whatever the first message is; 0: none worth keeping.
   * @param preamble tells the system message and the tools
   * @param encode the ids of a chat with the same ones and another message
   */
  async length(
    preamble: unknown,
    ids: readonly number[],
    encode: (message: string) => Promise<readonly number[]>,
  ): Promise<number> {
    const key = createHash('sha256').update(JSON.stringify(preamble)).digest('base64');
    let common = this.#known.get(key);
    if (!common) {
      // Two messages, since a token may join the beginning of a message with what comes before it.
      const [one, other] = [await encode('A'), await encode('\u0001')];
      common = one.slice(0, sharedLength(one, other));
      this.#known.set(key, common);
    }
    const length = sharedLength(common, ids);
    return length >= minTokens && length < ids.length ? length : 0;
  }
}

export function sharedLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
