/**
 * The server under load. A server of its own process, a model with random weights, clients that stream:
 *
 *   npm run bench:serve                      200 clients for a minute, one client, and a loop without batching
 *   npm run bench:serve -- --size mini --clients 200 --seconds 60 --threads 2
 *
 * Nothing is lost if every stream that begins ends with its usage and the tokens that were asked for. Nobody is
 * starved if the slowest client's rate is near the median's. Turn 50 of a conversation is timed against turn 2.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { configNames, isConfigName, namedConfig } from '../src/model/config.ts';
import { saveTokenizer } from '../src/text/saveTokenizer.ts';
import { mobyDick } from '../src/text/testing.ts';
import { trainBpe } from '../src/text/trainBpe.ts';
import { type LoadResult, measureLoad, measureTurns, startServer, type TurnResult } from './serveCase.ts';
import { median } from './statistics.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const options = new Command('npm run bench:serve --')
  .option('--size <name>', 'a named configuration', 'mini')
  .option('--model <folder>', 'a model of your own instead')
  .option('--clients <n>', 'streams at the same time', Number, 200)
  .option('--seconds <n>', 'for how long', Number, 60)
  .option('--tokens <n>', 'tokens of an answer', Number, 64)
  .option('--threads <n>', 'threads of the engine', Number, availableParallelism())
  .option('--rounds <n>', 'conversations to time the turns of', Number, 3)
  .option('--out <path>', 'where to write the tables, without extension', 'results/serve')
  .parse()
  .opts<{
    size: string;
    model?: string;
    clients: number;
    seconds: number;
    tokens: number;
    threads: number;
    rounds: number;
    out: string;
  }>();

/** A model with random weights: an answer ends by its length only. */
async function modelFolder(size: string): Promise<string> {
  if (!isConfigName(size))
    throw new Error(`--size: found ${size}, expected one of ${configNames.join(', ')}`);
  const folder = `${root}build/bench/serve-${size}`;
  if (existsSync(folder)) return folder;
  console.error(`making ${folder} with random weights`);
  await mkdir(`${root}build/bench`, { recursive: true });
  const config = { ...namedConfig(size, { vocabSize: 4096 }), bosTokenId: 0, eosTokenId: 0 };
  await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 1 });
  const template =
    '{% for m in messages %}<|user|>{{ m.role }}: {{ m.content }}<|end|>\n{% endfor %}' +
    '{% if add_generation_prompt %}<|user|>assistant: {% endif %}';
  const special = { specialTokens: ['<|user|>', '<|end|>'], chatTemplate: template };
  await saveTokenizer(folder, await trainBpe(mobyDick(20), { vocabularySize: 4096, ...special }));
  return folder;
}

interface Report {
  readonly machine: { readonly processor: string; readonly cores: number; readonly node: string };
  readonly date: string;
  readonly model: string;
  readonly threads: number;
  readonly load: readonly ({ readonly name: string } & LoadResult)[];
  readonly turns: TurnResult & { readonly rounds: number };
}

async function measure(folder: string): Promise<Report> {
  const { clients, seconds, tokens, threads, rounds } = options;
  const cases = [
    { name: 'one client', clients: 1, seconds: Math.min(seconds, 15), flags: [] },
    {
      name: `${clients} clients, without batching`,
      clients,
      seconds: Math.min(seconds, 20),
      flags: ['--one-by-one'],
    },
    { name: `${clients} clients`, clients, seconds, flags: [] },
  ];
  const load: Report['load'][number][] = [];
  for (const { name, flags, ...one } of cases) {
    console.error(`${name}, ${one.seconds} s`);
    const server = await startServer(folder, ['--threads', `${threads}`, '--slots', `${clients}`, ...flags]);
    load.push({ name, ...(await measureLoad(server, { ...one, tokens })) });
    await server.stop();
  }
  console.error('turns of a conversation');
  const server = await startServer(folder, ['--threads', `${threads}`]);
  const found: TurnResult[] = [];
  for (let round = 0; round < rounds; round++) found.push(await measureTurns(server, round));
  await server.stop();
  const middle = (name: keyof TurnResult) => median(found.map((turn) => turn[name]));
  return {
    machine: {
      processor: cpus()[0]!.model.trim(),
      cores: availableParallelism(),
      node: process.versions.node,
    },
    date: new Date().toISOString().slice(0, 10),
    model: options.model ?? options.size,
    ...{ threads, load },
    turns: {
      rounds,
      secondMilliseconds: middle('secondMilliseconds'),
      fiftiethMilliseconds: middle('fiftiethMilliseconds'),
      secondPromptTokens: middle('secondPromptTokens'),
      fiftiethPromptTokens: middle('fiftiethPromptTokens'),
      fiftiethReadTokens: middle('fiftiethReadTokens'),
    },
  };
}

function format({ machine, date, model, threads, load, turns }: Report): string {
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const head = [
    '',
    'tokens/s',
    'answers',
    'lost',
    'first text ms, median',
    '99 %',
    'slowest / median client',
    'memory MB, at a quarter',
    'at the end',
  ];
  const single = load[0]!.tokensPerSecond;
  const loop = load[1]!.tokensPerSecond;
  const batched = load[2]!.tokensPerSecond;
  return [
    '# Serving',
    '',
    `\`npm run bench:serve\`, ${date}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}; ` +
      `model ${model} with random weights, ${threads} engine thread(s), clients on the same machine. ` +
      'Absolute figures hold for this machine and day.',
    '',
    row(head),
    row(head.map(() => '---')),
    ...load.map((one) =>
      row([
        one.name,
        one.tokensPerSecond.toFixed(0),
        one.answers,
        one.lost,
        one.firstMedian.toFixed(0),
        one.first99.toFixed(0),
        one.slowestShare.toFixed(2),
        (one.quarterBytes / 1e6).toFixed(0),
        (one.endBytes / 1e6).toFixed(0),
      ]),
    ),
    '',
    `Together: ${(batched / single).toFixed(1)} × the tokens of one client, ${(batched / loop).toFixed(1)} × those of ` +
      'the same clients served one sequence after the other.',
    '',
    `Turn 50 of a conversation (${turns.fiftiethPromptTokens} tokens so far, ${turns.fiftiethReadTokens} of them ` +
      `read anew) starts answering after ${turns.fiftiethMilliseconds.toFixed(1)} ms, turn 2 ` +
      `(${turns.secondPromptTokens} tokens) after ${turns.secondMilliseconds.toFixed(1)} ms: ` +
      `${(turns.fiftiethMilliseconds / turns.secondMilliseconds).toFixed(2)} ×. Medians of ${turns.rounds} conversations, ` +
      'each turn the median of five like it.',
    '',
  ].join('\n');
}

const report = await measure(options.model ?? (await modelFolder(options.size)));
const text = format(report);
await mkdir(`${root}results`, { recursive: true });
await writeFile(`${root}${options.out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
await writeFile(`${root}${options.out}.md`, text);
console.log(text);
