/** Output of a training: what the run needs, its progress, its results. */

import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { formatBytes, formatCount } from '../format.ts';
import type { Group } from '../mpi/group.ts';
import { loadOptional, MissingPackageError } from '../optionalPackages.ts';
import { type LogLine, readLog, type StepLine, type ValidationLine } from '../train/log.ts';
import type { Run } from '../train/run.ts';
import type { TrainingSettings } from '../train/settings.ts';
import type { Interrupt } from './interrupt.ts';
import { duration, startProgress } from './progress.ts';

/**
 * Lines that describe a run and its needs, before it starts.
 * @param gpus of the ranks, if several train on GPUs
 */
export function describeRun(
  { trainer, settings, sampler, data, tokensPerStep, step }: Run,
  gpus: readonly string[] = [],
): string[] {
  const { config, needs, specs, engine, group } = trainer;
  const { batch, length, accumulation, steps, learningRate, schedule } = settings;
  const ternary = specs
    .filter(({ role }) => role === 'ternary')
    .reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
  const passes = accumulation > 1 ? `${accumulation} × ` : '';
  const epochs = (steps / sampler.stepsPerEpoch) * accumulation;
  const facts = [
    ['data', `${formatCount(data.shards.tokenCount)} tokens, vocabulary of ${formatCount(config.vocabSize)}`],
    [
      'model',
      `${config.layers} layers of width ${config.hiddenSize}: ${formatCount(needs.parameters)} parameters, ${formatCount(ternary)} of them ternary`,
    ],
    [
      'memory',
      `${formatBytes(needs.totalBytes)}: ${formatBytes(needs.variableBytes)} of weights and moments, ${formatBytes(needs.temporaryBytes)} while a step runs`,
    ],
    ['engine', `${engine.name}: ${engine.description}`],
    ...(group.size > 1 ? [['ranks', describeRanks(group, settings)]] : []),
    ...gpus.map((gpu, rank) => [`rank ${rank}`, gpu]),
    [
      'plan',
      `${steps} steps of ${passes}${batch} × ${length} tokens: ${formatCount(steps * tokensPerStep)} tokens, the data ${epochs.toFixed(1)} times`,
    ],
    ['rate', `${learningRate}, ${schedule}`],
    ...(step > 0 ? [['resumed', `after step ${step}`]] : []),
  ];
  return facts.map(([name, value]) => `  ${name!.padEnd(8)} ${value}`);
}

function describeRanks(
  { size, hosts, description }: Group,
  { localSteps, ordered }: TrainingSettings,
): string {
  const count = new Set(hosts).size;
  const where = `${size} on ${count === 1 ? 'one host' : `${count} hosts`}, ${description}`;
  const how = localSteps > 0 ? `synchronised every ${localSteps} steps` : `gradients summed at every step`;
  return `${where}; ${how}${ordered ? ', in order' : ''}`;
}

export interface Watch {
  readonly interrupt: Interrupt;
  /** Print log lines as JSON instead of drawing progress. */
  readonly json?: boolean | undefined;
}

/** Trains with progress on stderr; draws `loss.svg` at the end, even after an error or interrupt. */
export async function runTraining(run: Run, { interrupt, json }: Watch): Promise<'finished' | 'interrupted'> {
  if (run.trainer.group.rank > 0) return run.train({ signal: interrupt.signal });
  const display = json ? printJson : drawProgress(run);
  try {
    return await run.train({ signal: interrupt.signal, onLine: display.show });
  } finally {
    display.stop();
    await drawLoss(run);
  }
}

/** The results of a run: its last figures and its files. */
export async function summarise(run: Run): Promise<string[]> {
  const lines = await readLog(run.logPath);
  const steps = lines.filter(({ event }) => event === 'step') as StepLine[];
  const last = steps.at(-1);
  if (!last) return ['no step was made'];
  const tail = steps.slice(-20);
  const loss = tail.reduce((sum, line) => sum + line.loss, 0) / tail.length;
  const validation = lastValidations(lines);
  return [
    `  loss     ${loss.toFixed(3)} nats a token in training${validation.map((line) => `, ${validationText(line)}`).join('')}`,
    `  time     ${duration(last.time)} for ${formatCount(last.tokens)} tokens: ${formatCount(Math.round(last.tokens / last.time))} tokens/s`,
    `  files    ${run.folder}: model.safetensors, tokenizer.json, log.jsonl, loss.svg`,
  ];
}

/** The latest measurement of each text. */
function lastValidations(lines: readonly LogLine[]): ValidationLine[] {
  const last = new Map<string | undefined, ValidationLine>();
  for (const line of lines) if (line.event === 'validation') last.set(line.set, line);
  return [...last.values()];
}

function validationText({ loss, bitsPerByte, set }: ValidationLine): string {
  return `${loss.toFixed(3)} (${bitsPerByte.toFixed(3)} bits a byte) on ${set ?? 'text kept out of it'}`;
}

interface Display {
  readonly show: (line: LogLine) => void;
  readonly stop: () => void;
}

const printJson: Display = {
  show: (line) => console.log(JSON.stringify(line)),
  stop: () => {},
};

function drawProgress({ step, trainer, settings: { steps } }: Run): Display {
  const progress = startProgress({ label: 'training', total: steps, start: step });
  let slowest = trainer.group.size > 1 ? ' of all' : '';
  const shown = new Map<string | undefined, string>();
  let validation = '';
  return {
    show(line) {
      if (line.event === 'validation') {
        shown.set(line.set, line.loss.toFixed(3));
        validation = ` · validation ${[...shown.values()].join(', ')}`;
        return;
      }
      const rate = `rate ${line.learningRate.toPrecision(2)}`;
      if (line.slowestRank !== undefined) slowest = ` of all, slowest rank ${formatCount(line.slowestRank)}`;
      const speed = `${formatCount(line.tokensPerSecond)} tokens/s${slowest}`;
      progress.update(
        line.step,
        `loss ${line.loss.toFixed(3)} · ${speed} · step ${line.step}/${steps}${validation} · ${rate}`,
      );
    },
    stop: progress.stop,
  };
}

async function drawLoss(run: Run): Promise<void> {
  const lines = await readLog(run.logPath);
  if (!lines.some(({ event }) => event === 'step')) return;
  const figures = await loadOptional(() => import('../figures/lossCurve.ts')).catch((error: unknown) => {
    if (!(error instanceof MissingPackageError)) throw error;
    console.error(`plusminus: no loss.svg: ${error.message}`); // a missing figure does not fail the run
  });
  if (!figures) return;
  await writeFile(
    join(run.folder, 'loss.svg'),
    figures.lossCurve(lines, `Training loss of ${basename(resolve(run.folder))}`),
  );
}
