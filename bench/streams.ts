/**
 * Throughput of generations that run at the same time on one model, against one alone, through the library.
 *
 *   npx node bench/streams.ts                          the bundled chat, two threads, 1 and 8 at a time
 *   npx node bench/streams.ts --models models/chat,370M --streams 1,8,32     writes results/streams.json
 */
import './begin.ts';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Command } from 'commander';
import { LanguageModel } from '../src/index.ts';
import { isConfigName } from '../src/model/config.ts';
import { fuseVectors } from '../src/platform/fusing.ts';
import { coreScaling } from './coreScaling.ts';
import { outputPath } from './outputPath.ts';
import { countsOf, randomModel } from './randomModel.ts';
import { median } from './statistics.ts';

const options = new Command('npx node bench/streams.ts')
  .option('--models <list>', 'folders of models, or named configurations with random weights', 'models/chat')
  .option('--streams <counts>', 'generations at the same time', '1,8')
  .option('--threads <count>', 'worker threads', '2')
  .option('--tokens <count>', 'tokens of each generation', '128')
  .option('--rounds <count>', 'measurements of each case, in turns', '5')
  .option('--min-scaling <ratio>', 'repeat a round unless all threads are so many times as fast as one', '0')
  .option('--out <path>', 'where to write the figures, without extension (default: results/streams)')
  .parse()
  .opts<
    Record<'models' | 'streams' | 'threads' | 'tokens' | 'rounds' | 'minScaling', string> & { out?: string }
  >();

fuseVectors(); // as "plusminus serve" does
const streams = countsOf('--streams', options.streams);
const [threads = 2] = countsOf('--threads', options.threads);
const [tokens = 128] = countsOf('--tokens', options.tokens);
const [rounds = 5] = countsOf('--rounds', options.rounds);
const out = await outputPath(options.out, 'streams');

/** Tokens a second of all generations together, and milliseconds of processor time a token. */
async function measure(model: LanguageModel, count: number) {
  const before = process.cpuUsage();
  const start = performance.now();
  const all = Array.from({ length: count }, (_, seed) =>
    model.complete([1, 2, 3 + seed], { maxTokens: tokens, temperature: 0.8, seed, stopAtEos: false }),
  );
  const found = (await Promise.all(all)).reduce((sum, { usage }) => sum + usage.completionTokens, 0);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { tokensPerSecond: found / seconds, processorMilliseconds: (user + system) / 1000 / found };
}

/** Measures a round again if the threads had to share a core with one another, or with another program. */
async function measureRound(model: LanguageModel) {
  for (let before = await scaling.measure(); ; ) {
    const found = [];
    for (const count of streams) found.push(await measure(model, count));
    const after = await scaling.measure();
    const least = Math.min(before, after);
    if (least >= Number(options.minScaling)) {
      scalings.push(least);
      return found;
    }
    repeated++;
    console.error(`repeating a round: all threads were ${least.toFixed(2)} times as fast as one`);
    before = after;
  }
}

await using scaling = await coreScaling(threads);
const scalings: number[] = [];
let repeated = 0;
const rows: object[] = [];
const loadBefore = loadavg()[0]!;
for (const name of options.models.split(',')) {
  await using model = await LanguageModel.load(isConfigName(name) ? await randomModel(name) : name, {
    engine: 'cpu',
    threads,
  });
  for (const count of streams) await measure(model, count);
  const measured = streams.map(() => [] as Awaited<ReturnType<typeof measure>>[]);
  for (let round = 0; round < rounds; round++)
    for (const [index, one] of (await measureRound(model)).entries()) measured[index]!.push(one);
  for (const [index, count] of streams.entries()) {
    const tokensPerSecond = median(measured[index]!.map((one) => one.tokensPerSecond));
    const processorMilliseconds = median(measured[index]!.map((one) => one.processorMilliseconds));
    const row = { model: name, engine: model.engine, streams: count, tokensPerSecond, processorMilliseconds };
    rows.push(row);
    console.error(JSON.stringify(row));
  }
}
const machine = { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), loadBefore };
const cores = { scaling: median(scalings), minScaling: Number(options.minScaling), repeated };
const report = { machine, date: new Date().toISOString().slice(0, 10), threads, tokens, rounds, cores, rows };
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
