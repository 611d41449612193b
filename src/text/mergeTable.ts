/** BPE on one short word, with tokens as integers: the library's result, without its string keys. */
import type { ModelJson } from './tokenizerJson.ts';

/** Larger than any id; a pair of ids is one exact number. */
const BASE = 2 ** 22;

export class MergeTable {
  readonly #vocabulary: Record<string, number>;
  /** pair → its rank and the id it becomes */
  readonly #merges = new Map<number, { rank: number; id: number }>();

  constructor(model: ModelJson) {
    this.#vocabulary = Object.assign(Object.create(null), model.vocab);
    (model.merges ?? []).forEach((merge, rank) => {
      const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ') : merge;
      const id = this.#vocabulary[left + right]!;
      // A pair listed twice counts by its last rank, as in the library.
      this.#merges.set(this.#vocabulary[left]! * BASE + this.#vocabulary[right]!, { rank, id });
    });
  }

  /**
   * The ids of a word spelled as in the vocabulary, or undefined if one of its characters is not there. The time
   * grows with the square of its length: for words, not texts.
   */
  encode(word: string): number[] | undefined {
    const ids: number[] = [];
    for (const character of word) {
      const id = this.#vocabulary[character];
      if (id === undefined) return undefined;
      ids.push(id);
    }
    for (;;) {
      const best = this.#firstMerge(ids);
      if (best === undefined) return ids;
      ids.splice(best.at, 2, best.id);
    }
  }

  /** Of the merges that are possible, the one of the lowest rank, at its leftmost place. */
  #firstMerge(ids: readonly number[]): { at: number; id: number } | undefined {
    let best: { rank: number; id: number } | undefined;
    let at = 0;
    for (let i = 1; i < ids.length; i++) {
      const merge = this.#merges.get(ids[i - 1]! * BASE + ids[i]!);
      if (merge === undefined || (best !== undefined && merge.rank >= best.rank)) continue;
      best = merge;
      at = i - 1;
    }
    return best === undefined ? undefined : { at, id: best.id };
  }
}
