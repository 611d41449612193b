/**
 * The log of a run, `log.jsonl`: one line per step and per validation, in order, without duplicates. Lines are synced to
 * disk before their checkpoint; lines after the last checkpoint are removed when the run resumes.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { replaceFile } from '../text/replaceFile.ts';

const step = v.object({
  event: v.literal('step'),
  /** Updates done, this one included. */
  step: v.number(),
  /** Nats a token, before the update. */
  loss: v.number(),
  learningRate: v.number(),
  /** Before clipping. */
  gradientNorm: v.number(),
  tokensPerSecond: v.number(),
  /** Tokens trained on since the run began. */
  tokens: v.number(),
  /** Seconds of training since the run began. */
  time: v.number(),
  /** With several ranks: throughput of the slowest in tokens/s, excluding the time that it waits for others. */
  slowestRank: v.optional(v.number()),
  /** With several ranks: seconds that the rank which waited longest waited for others. */
  waited: v.optional(v.number()),
});

const validation = v.object({
  event: v.literal('validation'),
  /** The text, where a run has several; absent for windows cut from the training text. */
  set: v.optional(v.string()),
  /** Updates done. */
  step: v.number(),
  /** Nats a token. */
  loss: v.number(),
  bitsPerByte: v.number(),
});

const line = v.variant('event', [step, validation]);

/** Figures of a training step. */
export type StepLine = Readonly<v.InferOutput<typeof step>>;
/** Figures of a validation. */
export type ValidationLine = Readonly<v.InferOutput<typeof validation>>;
/** A line of a run's log. */
export type LogLine = StepLine | ValidationLine;

export class TrainingLog {
  /** The lines that were there when the log was opened. */
  readonly earlier: readonly LogLine[];
  readonly #file: FileHandle;

  private constructor(file: FileHandle, earlier: readonly LogLine[]) {
    this.#file = file;
    this.earlier = earlier;
  }

  /** Opens or creates a log, and removes lines after `step`. */
  static async open(path: string, step: number): Promise<TrainingLog> {
    const kept = (await readLog(path)).filter((entry) => entry.step <= step);
    await replaceFile(path, kept.map(format).join(''));
    return new TrainingLog(await open(path, 'a'), kept);
  }

  /** Seconds of training before this process. */
  get earlierTime(): number {
    return this.earlier.findLast((entry) => entry.event === 'step')?.time ?? 0;
  }

  async append(entry: LogLine): Promise<void> {
    await this.#file.writeFile(format(entry));
  }

  /** Makes all lines survive a crash. */
  async flush(): Promise<void> {
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The lines of a log, up to the first that is torn; none if there is no file. */
export async function readLog(path: string): Promise<LogLine[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines: LogLine[] = [];
  for (const entry of text.split('\n')) {
    const parsed = parseLine(entry);
    if (!parsed) break;
    lines.push(parsed);
  }
  return lines;
}

function parseLine(text: string): LogLine | undefined {
  try {
    return v.parse(line, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function format(entry: LogLine): string {
  return `${JSON.stringify(entry)}\n`;
}
