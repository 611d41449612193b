/**
 * The server under load: a server in its own process, a model with random weights, clients that stream.
 *
 *   npm run bench:serve                      200 clients for a minute, one client, and one sequence at a time
 *   npm run bench:serve -- --size mini --clients 200 --seconds 60 --threads 2
 *   npm run bench:serve -- --only-prefix     a beginning that chats share → results/serve-prefix.json
 *
 * A stream is lost unless it ends with its usage and all requested tokens. A client is starved if its rate is far below
 * the median. Memory is flat if it no longer grows once the state cache is full. Turn 50 of a conversation is timed
 * against turn 2. Killed servers must lose no acknowledged session.
 */
import './begin.ts';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { InputError } from '../src/errors.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { configNames, isConfigName, namedConfig } from '../src/model/config.ts';
import { saveTokenizer } from '../src/text/saveTokenizer.ts';
import { mobyDick } from '../src/text/testing.ts';
import { trainBpe } from '../src/text/trainBpe.ts';
import { outputPath } from './outputPath.ts';
import { type Load, type LoadResult, measureLoad, startServer } from './serveCase.ts';
import { measureKills } from './serveKill.ts';
import { measurePrefix, type PrefixResult } from './servePrefix.ts';
import { format, memoryFigure, type Report } from './serveReport.ts';
import { ask, type Bringing, measureTurns, type TurnResult } from './serveTurns.ts';
import { median } from './statistics.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const options = new Command('npm run bench:serve --')
  .option('--size <name>', 'a named configuration', 'mini')
  .option('--model <folder>', 'your own model instead')
  .option('--clients <n>', 'concurrent streams', Number, 200)
  .option('--seconds <n>', 'duration of the load', Number, 60)
  .option('--warm-up <n>', 'seconds of the same load before it', Number, 90)
  .option('--cache-mb <n>', "the server's state cache", Number, 4)
  .option('--tokens <n>', 'tokens of an answer', Number, 64)
  .option('--threads <n>', 'threads of the engine', Number, availableParallelism())
  .option('--rounds <n>', 'number of timed conversations, and of kills', Number, 3)
  .option('--only-prefix', 'measure only a beginning that chats share')
  .option('--out <path>', 'where to write the tables, without extension (default: results/serve)')
  .parse()
  .opts<{
    size: string;
    model?: string;
    clients: number;
    seconds: number;
    warmUp: number;
    cacheMb: number;
    tokens: number;
    threads: number;
    rounds: number;
    onlyPrefix?: boolean;
    out?: string;
  }>();

/** A model with random weights: an answer ends by its length only. */
async function modelFolder(size: string): Promise<string> {
  if (!isConfigName(size))
    throw new InputError(`--size: found ${size}, expected one of ${configNames.join(', ')}`);
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

const flags = ['--threads', `${options.threads}`, '--slots', `${options.clients}`, '--log-level', 'info'];

async function measureLoads(folder: string): Promise<Report['load']> {
  const { clients, seconds, tokens, warmUp, cacheMb } = options;
  const short = { seconds: Math.min(seconds, 15), warmUp: Math.min(warmUp, 5), letEnd: false };
  const cases: { name: string; load: Load; flags: string[] }[] = [
    { name: 'one client', load: { clients: 1, tokens, ...short }, flags: [] },
    {
      name: `${clients} clients, without batching`,
      load: { clients, tokens, ...short, warmUp: Math.min(warmUp, 30) }, // enough to read all prompts
      flags: ['--one-by-one'],
    },
    { name: `${clients} clients`, load: { clients, tokens, seconds, warmUp, letEnd: true }, flags: [] },
  ];
  const results: ({ name: string } & LoadResult)[] = [];
  for (const { name, load, flags: more } of cases) {
    console.error(`${name}, ${load.warmUp} + ${load.seconds} s`);
    const server = await startServer(folder, [...flags, '--cache-mb', `${cacheMb}`, ...more]);
    results.push({ name, ...(await measureLoad(server, load)) });
    await server.stop();
  }
  return results;
}

async function measureConversations(folder: string): Promise<Report['turns']> {
  console.error('turns of a conversation');
  const sessions = await mkdtemp(join(tmpdir(), 'plusminus-sessions-'));
  const server = await startServer(folder, [...flags, '--sessions', sessions]);
  const found: Record<Bringing, TurnResult[]> = { messages: [], session: [] };
  await measureTurns(server, 0, 'messages'); // compiles code
  for (let round = 1; round <= options.rounds; round++)
    for (const bringing of ['messages', 'session'] as const)
      found[bringing].push(await measureTurns(server, round, bringing));
  await server.stop();
  await rm(sessions, { recursive: true });
  const middle = (turns: readonly TurnResult[]): TurnResult => {
    const of = (name: keyof TurnResult) => median(turns.map((turn) => turn[name]));
    return {
      secondMilliseconds: of('secondMilliseconds'),
      fiftiethMilliseconds: of('fiftiethMilliseconds'),
      secondTokens: of('secondTokens'),
      fiftiethTokens: of('fiftiethTokens'),
      fiftiethReadTokens: of('fiftiethReadTokens'),
    };
  };
  return { messages: middle(found.messages), session: middle(found.session) };
}

async function measureSharedPrefix(folder: string): Promise<PrefixResult> {
  console.error('a beginning that chats share');
  const server = await startServer(folder, flags);
  await measurePrefix(server, ask, 1); // compiles code
  const found = await measurePrefix(server, ask, 2 * options.rounds + 1);
  await server.stop();
  return found;
}

function machine() {
  return { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), node: process.versions.node };
}

async function measureAll(folder: string): Promise<Report> {
  const { threads, rounds, cacheMb, warmUp, clients } = options;
  const load = await measureLoads(folder);
  const turns = await measureConversations(folder);
  const prefix = await measureSharedPrefix(folder);
  console.error('kills and restarts');
  const kills = await measureKills(folder, { rounds, clients, seconds: 4, flags });
  return {
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
    model: options.model ?? options.size,
    ...{ threads, cacheMb, warmUp, load, turns, prefix, rounds, kills },
  };
}

const path = await outputPath(options.out, options.onlyPrefix ? 'serve-prefix' : 'serve');
const folder = options.model ?? (await modelFolder(options.size));
if (options.onlyPrefix) {
  const prefix = await measureSharedPrefix(folder);
  const model = options.model ?? options.size;
  const date = new Date().toISOString().slice(0, 10);
  const found = { machine: machine(), date, model, threads: options.threads, prefix };
  await writeFile(`${path}.json`, `${JSON.stringify(found, undefined, 2)}\n`);
  console.log(found);
} else {
  const report = await measureAll(folder);
  const text = format(report, `${basename(path)}-memory.svg`);
  await writeFile(`${path}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(`${path}-memory.svg`, memoryFigure(report));
  await writeFile(`${path}.md`, text);
  console.log(text);
}
