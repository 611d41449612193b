/**
 * Multi-query associative recall (Arora et al. 2023, Zoology): pairs of a key and a value, then each key again in another
 * order, whose value is to be recalled. A state of fixed size must hold all pairs; attention looks them up.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderLock } from '../../folderLock.ts';
import { permutation } from '../../text/permutation.ts';
import { saveTokenizer } from '../../text/saveTokenizer.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import { trainBpe } from '../../text/trainBpe.ts';
import { type TokenSequence, writeSequences } from '../../text/writeShards.ts';

/** Tokens of the task: 0 begins a sequence, `keys` ids follow for keys, then as many for values. They are single bytes. */
export interface RecallTask {
  /** Pairs of a sequence. */
  readonly pairs: number;
  /** Different keys, at least as many as pairs; at most 128. */
  readonly keys: number;
  /** With the number of a sequence, decides it. */
  readonly seed: number;
}

export const recallVocabulary = 1 + 2 * 128;

/** Tokens that the model reads of a sequence: its beginning, and all but the last value. */
export function recallLength(pairs: number): number {
  return 4 * pairs;
}

/** Accuracy of guessing among the values told that are left, without knowing whose they are: the mean of 1/n, 1/(n − 1), … 1. */
export function withoutBinding(pairs: number): number {
  let sum = 0;
  for (let left = 1; left <= pairs; left++) sum += 1 / left;
  return sum / pairs;
}

/**
 * 0, k₁ v₁ … k_n v_n, then the keys in another order, each with its value. The values there are the labels. Every other
 * sequence tells and asks in smaller blocks, one after the other: without them, attention takes most of a run to find out
 * that a key belongs to the value after it.
 */
export function recallSequence(task: RecallTask, index: number): TokenSequence {
  const { pairs, keys, seed } = task;
  const random = new SeededRandom(seed * 2 ** 32 + index);
  const key = permutation(keys, [seed, index, 0]);
  const all = Array.from({ length: pairs }, (_, i) => [1 + key(i), 1 + keys + random.integer(keys)]);
  const size = index % 2 === 0 ? pairs : 2 ** random.integer(Math.ceil(Math.log2(Math.max(2, pairs))));
  const [ids, marks] = [[0], [0]];
  for (let start = 0; start < pairs; start += size) {
    const told = all.slice(start, start + size);
    const place = permutation(told.length, [seed, index, 1 + start]);
    const asked = told.map((_, i) => told[place(i)]!);
    ids.push(...told.flat(), ...asked.flat());
    marks.push(...told.flatMap(() => [0, 0]), ...asked.flatMap(() => [0, 1]));
  }
  return { ids, marks, documents: 1, characters: 0 };
}

/** Writes sequences as token shards with a tokenizer beside them, once; the folder of the shards. */
export async function recallCorpus(
  home: string,
  task: RecallTask & { readonly sequences: number },
  signal: AbortSignal,
): Promise<string> {
  const folder = join(home, 'tokens');
  await mkdir(home, { recursive: true });
  const lock = await FolderLock.wait(home, signal);
  try {
    if (await stat(join(home, 'tokenizer.json')).catch(() => undefined)) return folder;
    // The tokenizer is saved last: shards without it were left by a process that was killed.
    await rm(folder, { recursive: true, force: true });
    const tokenizer = await byteTokenizer();
    async function* all() {
      for (let index = 0; index < task.sequences; index++) yield recallSequence(task, index);
    }
    await writeSequences(folder, all(), tokenizer, { rowLength: recallLength(task.pairs) + 1, signal });
    await saveTokenizer(home, tokenizer);
    return folder;
  } finally {
    await lock.release();
  }
}

/** Bytes, and a token that ends a text. */
async function byteTokenizer(): Promise<TextTokenizer> {
  async function* nothing() {
    yield 'a';
  }
  const { json, config } = await trainBpe(nothing(), { vocabularySize: recallVocabulary });
  return TextTokenizer.fromJson(json, config);
}
