/** The control block, through which the host starts a run: the fields of `Control` in run.as.ts. */

/** Words of the block. */
const word = { ticket: 0, number: 1, done: 16, list: 32, count: 33, index: 34, profile: 35 } as const;

interface Run {
  /** Address of the list of phases. */
  readonly list: number;
  readonly count: number;
  /** Address of the times of a profile, or 0. */
  readonly profile: number;
}

export const control = {
  bytes: 192,

  /** Sets what is to be run. No thread holds a piece of the run before. */
  prepare(words: Int32Array, { list, count, profile }: Run): void {
    words[word.list] = list;
    words[word.count] = count;
    words[word.index] = -1;
    words[word.profile] = profile;
    words[word.done] = 0;
  },

  /** Opens a phase of one piece without kernels, whose completion starts the run, and wakes threads for it. */
  start(words: Int32Array, wakes: number): void {
    const ticket = new BigUint64Array(words.buffer, words.byteOffset, 1);
    const number = BigInt((Atomics.load(words, word.number) + 1) >>> 0);
    Atomics.store(ticket, 0, (number << 32n) | 1n);
    Atomics.notify(words, word.number, 1 + wakes);
  },
} as const;
