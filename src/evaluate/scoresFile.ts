/**
 * A file of scores, one JSON line per item, appended as items are scored, so that an interrupted evaluation resumes.
 * Cache key: a hash of model, tokenizer, engine, task version and requests.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { systemReason } from '../systemErrors.ts';
import type { Request, RequestScore } from './task.ts';

const position = v.object({
  from: v.number(),
  end: v.number(),
  tokens: v.number(),
  bytes: v.number(),
  logLikelihood: v.number(),
});

const line = v.object({
  key: v.string(),
  task: v.string(),
  /** Counted from 0. */
  item: v.number(),
  scores: v.array(
    v.object({
      logLikelihood: v.number(),
      tokens: v.number(),
      greedy: v.boolean(),
      encodedAlone: v.optional(v.literal(true)),
      positions: v.optional(v.pipe(v.array(position), v.readonly())),
    }),
  ),
});

export type ScoreLine = v.InferOutput<typeof line>;

/** Remembers scores. */
export interface ScoreMemory {
  find(key: string): readonly RequestScore[] | undefined;
  add(entry: ScoreLine): Promise<void>;
}

export const noMemory: ScoreMemory = { find: () => undefined, add: async () => {} };

export class ScoresFile implements ScoreMemory {
  readonly #file: FileHandle;
  readonly #known: Map<string, readonly RequestScore[]>;

  private constructor(file: FileHandle, known: Map<string, readonly RequestScore[]>) {
    this.#file = file;
    this.#known = known;
  }

  /** Opens or creates a file. Damaged and foreign lines are ignored, and their items scored again. */
  static async open(path: string): Promise<ScoresFile> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, { cause: error });
    });
    const known = new Map<string, readonly RequestScore[]>();
    for (const entry of text.split('\n')) {
      const parsed = parseLine(entry);
      if (parsed) known.set(parsed.key, parsed.scores);
    }
    const file = await open(path, 'a');
    // A killed process may have left a partial line.
    if (text !== '' && !text.endsWith('\n')) await file.writeFile('\n');
    return new ScoresFile(file, known);
  }

  find(key: string): readonly RequestScore[] | undefined {
    return this.#known.get(key);
  }

  async add(entry: ScoreLine): Promise<void> {
    await this.#file.writeFile(`${JSON.stringify(entry)}\n`);
    this.#known.set(entry.key, entry.scores);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** @param parts everything that scores depend on besides the requests */
export function scoreKey(parts: readonly unknown[], requests: readonly Request[]): string {
  return createHash('sha256')
    .update(JSON.stringify([parts, requests]))
    .digest('hex')
    .slice(0, 24);
}

function parseLine(text: string): ScoreLine | undefined {
  try {
    return v.parse(line, JSON.parse(text));
  } catch {
    return undefined;
  }
}
