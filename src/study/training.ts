/** Training runs as experiments: one corpus for all, one engine for each, and their results. */
import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { FolderLock } from '../folderLock.ts';
import { formatCount } from '../format.ts';
import type { ModelConfig } from '../model/config.ts';
import { alone } from '../mpi/group.ts';
import { saveTokenizer } from '../text/saveTokenizer.ts';
import { prepareData, shardFolderOf } from '../train/data.ts';
import { type LogLine, readLog, type StepLine } from '../train/log.ts';
import { withMachine } from '../train/machine.ts';
import { logPathOf, Run } from '../train/run.ts';
import { holdsRun } from '../train/runFile.ts';
import type { TrainingSettings } from '../train/settings.ts';
import { DivergenceError } from '../train/trainer.ts';
import type { StudyContext } from './study.ts';

export interface Corpus {
  /** Of token shards; the tokenizer lies in the folder above. */
  readonly folder: string;
  readonly tokens: number;
  /** Entries of the tokenizer. */
  readonly vocabulary: number;
}

/**
 * Tokenises the study's texts with a tokenizer trained on them; token shards are taken as they are, with the tokenizer
 * beside them. Rank 0 does it once; the other ranks wait.
 */
export async function prepareCorpus(context: StudyContext, vocabulary: number): Promise<Corpus> {
  const { group = alone } = context;
  if (group.rank > 0) await group.rest();
  const corpus = await findCorpus(context, vocabulary);
  if (group.rank === 0) await group.rest();
  return corpus;
}

async function findCorpus(context: StudyContext, vocabulary: number): Promise<Corpus> {
  const { options, folder, signal, say } = context;
  const { data } = options;
  if (data === undefined) throw new InputError('data: found none, expected texts to train on');
  const given = typeof data === 'object' ? await shardFolderOf(data) : undefined;
  if (given !== undefined) {
    const { tokenizer, shards } = await prepareData({ data: [given], shardFolder: given, vocabulary });
    await shards.close();
    return { folder: given, tokens: shards.tokenCount, vocabulary: tokenizer.vocabularySize };
  }
  const id = createHash('sha256').update(
    JSON.stringify([vocabulary, typeof data === 'object' ? data : 'given']),
  );
  const home = join(folder, `corpus-${id.digest('hex').slice(0, 8)}`);
  const shardFolder = join(home, 'tokens');
  await mkdir(home, { recursive: true });
  const lock = await FolderLock.wait(home, signal); // processes that share a study begin together
  try {
    const isThere = (await stat(join(home, 'tokenizer.json')).catch(() => undefined)) !== undefined;
    if (!isThere) {
      say('corpus');
      // The tokenizer is saved last: shards without it were left by a process that was killed.
      await rm(shardFolder, { recursive: true, force: true });
    }
    const options = { shardFolder, vocabulary, signal };
    const { tokenizer, shards } = await prepareData({ ...options, data: isThere ? [shardFolder] : data });
    if (!isThere) await saveTokenizer(home, tokenizer);
    await shards.close();
    return { folder: shardFolder, tokens: shards.tokenCount, vocabulary: tokenizer.vocabularySize };
  } finally {
    await lock.release();
  }
}

export interface TrainingOutcome {
  /** Final validation loss in nats per token; absent if training diverged. */
  readonly loss?: number;
  readonly bitsPerByte?: number;
  /** Why training diverged. */
  readonly failure?: string;
  readonly tokens: number;
  /** Training time, excluding validation and saving. */
  readonly seconds: number;
  /** Validations during training: tokens, nats per token. */
  readonly curve: readonly (readonly [tokens: number, loss: number])[];
}

/**
 * Trains in `folder`, or resumes there.
 * @param measure measures more of the trained model; what it returns becomes part of the outcome
 * @throws the signal's reason, once aborted; the run is then saved
 */
export async function train<M extends object = object>(
  folder: string,
  config: ModelConfig,
  settings: TrainingSettings,
  corpus: Pick<Corpus, 'folder'>,
  { options, signal, say }: StudyContext,
  measure?: (run: Run) => Promise<M>,
): Promise<TrainingOutcome & Partial<M>> {
  return withMachine(options, async (machine) => {
    const data = await prepareData({ data: [corpus.folder], shardFolder: corpus.folder, vocabulary: 0 });
    const begun = await holdsRun(folder);
    if (begun) await data.shards.close();
    const run = begun
      ? await Run.resume(folder, machine)
      : await Run.create(folder, { config, settings, data }, machine);
    let failure: string | undefined;
    let more: M | undefined;
    try {
      const outcome = await run.train({ signal, onLine: now(say, settings.steps) });
      if (outcome === 'interrupted') signal.throwIfAborted();
      more = await measure?.(run);
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      failure = error.message;
    } finally {
      await run.close();
    }
    const lines = await readLog(logPathOf(folder));
    return { ...outcomeOf(lines, failure, run.tokensPerStep), ...more } as TrainingOutcome & Partial<M>;
  });
}

function outcomeOf(
  lines: readonly LogLine[],
  failure: string | undefined,
  tokensPerStep: number,
): TrainingOutcome {
  const steps = lines.filter((line): line is StepLine => line.event === 'step');
  const validations = lines.filter((line) => line.event === 'validation');
  const [last, validation] = [steps.at(-1), validations.at(-1)];
  const result =
    failure === undefined ? { loss: validation!.loss, bitsPerByte: validation!.bitsPerByte } : { failure };
  return {
    ...result,
    tokens: last?.tokens ?? 0,
    seconds: last?.time ?? 0,
    curve: validations.map(({ step, loss }) => [step * tokensPerStep, loss] as const),
  };
}

/** Prints a line every ten seconds. */
function now(say: StudyContext['say'], steps: number): (line: LogLine) => void {
  let next = performance.now() + 10_000;
  return (line) => {
    if (line.event !== 'step' || performance.now() < next) return;
    next = performance.now() + 10_000;
    const speed = `${formatCount(line.tokensPerSecond)} tokens/s`;
    say(`  step ${line.step} of ${steps}, loss ${line.loss.toFixed(3)}, ${speed}`);
  };
}
