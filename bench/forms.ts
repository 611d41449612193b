/**
 * What a form of the answer costs: the time of a token while decoding, with a mask over the whole vocabulary and without.
 * The model has random weights and a vocabulary of 128,000; forced stretches are sampled too, so that both sides compute
 * every token. A new form is one that no answer had before; of a known one the masks are kept from earlier answers.
 *
 *   npx node bench/forms.ts --size 370M --threads 2
 */
import './begin.ts';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import type { Constraint } from '../src/generate/constraint/matcher.ts';
import { constraintOf, type ResponseFormat } from '../src/generate/constraint/responseFormat.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { type ConfigName, namedConfig } from '../src/model/config.ts';
import { saveTokenizer } from '../src/text/saveTokenizer.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { mobyDick } from '../src/text/testing.ts';
import type { TokenizerConfig, TokenizerJson } from '../src/text/tokenizerJson.ts';
import { trainBpe } from '../src/text/trainBpe.ts';
import { outputPath } from './outputPath.ts';
import { modelsFolder, sizesOf } from './randomModel.ts';
import { median } from './statistics.ts';

const flags = new Command('npx node bench/forms.ts')
  .option('--size <name>', 'a named configuration', '370M')
  .option('--vocabulary <n>', 'tokens of the vocabulary', Number, 128_000)
  .option('--tokens <n>', 'tokens of an answer', Number, 96)
  .option('--rounds <n>', 'answers of each kind', Number, 7)
  .option('--threads <n>', 'threads of the engine', Number, availableParallelism())
  .option('--out <path>', 'where to write the table, without extension (default: results/forms)')
  .parse()
  .opts<{
    size: string;
    vocabulary: number;
    tokens: number;
    rounds: number;
    threads: number;
    out?: string;
  }>();

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    mood: { enum: ['good', 'bad', 'neither'] },
    tags: { type: 'array', items: { type: 'string', maxLength: 6 } },
  },
  required: ['name', 'age', 'mood', 'tags'],
};
const forms: Readonly<Record<string, ResponseFormat>> = {
  'JSON schema: a list of objects': { type: 'json', schema: { type: 'array', items: person, minItems: 40 } },
  'JSON schema: a long string': { type: 'json', schema: { type: 'string', minLength: 2000 } },
  'regular expression: numbers': { regex: '(\\d{1,6}\\.\\d{2},? ?){200}' },
  'GBNF: sums in parentheses': {
    grammar: 'root ::= sum "=" [0-9]+\nsum ::= "(" part (" + " part){60} ")"\npart ::= [0-9]{1,3} | "x"',
  },
};

/** A tokenizer of words of Moby-Dick, and of pairs of its tokens up to the size that was asked for. */
async function tokenizerOf(size: number): Promise<{ json: TokenizerJson; config: TokenizerConfig }> {
  const { json, config } = await trainBpe(mobyDick(20), { vocabularySize: 8000 });
  const model = json.model as { vocab: Record<string, number>; merges: [string, string][] };
  const tokens = Object.keys(model.vocab).filter((token) => !token.startsWith('<|'));
  const random = new SeededRandom(1);
  const drawn = () => tokens[Math.floor(random.uniform() * tokens.length)]!;
  for (let count = Object.keys(model.vocab).length; count < size; ) {
    const [left, right] = [drawn(), drawn()];
    if (left + right in model.vocab) continue;
    model.vocab[left + right] = count++;
    model.merges.push([left, right]);
  }
  return { json, config };
}

async function modelFolder(size: ConfigName): Promise<string> {
  const folder = `${modelsFolder}/forms-${size}-${flags.vocabulary}`;
  if (existsSync(folder)) return folder;
  console.error(`making ${folder} with random weights`);
  await mkdir(modelsFolder, { recursive: true });
  const config = { ...namedConfig(size, { vocabSize: flags.vocabulary }), bosTokenId: 0, eosTokenId: 0 };
  await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 1 });
  await saveTokenizer(folder, await tokenizerOf(flags.vocabulary));
  return folder;
}

/** Milliseconds of a token: until the next one, and of the processor in the thread that masks and samples. */
interface Times {
  readonly token: number;
  readonly host: number;
}

async function timeToken(model: LanguageModel, seed: number, form?: Constraint): Promise<Times> {
  const times: [number, number][] = [];
  await model.complete('Answer:', {
    ...{ maxTokens: flags.tokens, seed, stopAtEos: false, responseFormat: form },
    onToken: () => times.push([performance.now(), hostMilliseconds()]),
  });
  const [from, to] = [times[0]!, times.at(-1)!];
  const count = times.length - 1;
  return { token: (to[0] - from[0]) / count, host: (to[1] - from[1]) / count };
}

function hostMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Row {
  readonly form: string;
  /** Milliseconds until the next token of a free answer: of the fastest one, since others may be disturbed. */
  readonly token: number;
  /** Milliseconds of the host for a token: free, in a form whose masks are known, and in a new one; medians. */
  readonly host: number;
  readonly known: number;
  readonly first: number;
}

async function measure(model: LanguageModel, form: string, format: ResponseFormat): Promise<Row> {
  const newForm = () => constraintOf(format, model.tokenizer!)!.unforced();
  const kept = newForm();
  const rounds: Record<'free' | 'known' | 'first', Times>[] = [];
  await timeToken(model, 0, kept); // compiles code
  for (let seed = 1; seed <= flags.rounds; seed++)
    rounds.push({
      free: await timeToken(model, seed),
      known: await timeToken(model, seed, kept),
      first: await timeToken(model, seed, newForm()),
    });
  const host = (kind: 'free' | 'known' | 'first') => median(rounds.map((round) => round[kind].host));
  const token = Math.min(...rounds.map(({ free }) => free.token));
  return { form, token, host: host('free'), known: host('known'), first: host('first') };
}

const out = await outputPath(flags.out, 'forms');
const [size] = sizesOf(flags.size);
await using model = await LanguageModel.load(await modelFolder(size!), { threads: flags.threads });
const rows: Row[] = [];
for (const [name, format] of Object.entries(forms)) {
  rows.push(await measure(model, name, format));
  console.error(JSON.stringify(rows.at(-1)));
}
const report = {
  machine: { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), node: process.versions.node },
  date: new Date().toISOString().slice(0, 10),
  ...{ engine: model.engine, size, vocabulary: flags.vocabulary, tokens: flags.tokens, rounds: flags.rounds },
  rows,
};
const share = ({ token, host }: Row, other: number) => `${((100 * (other - host)) / token).toFixed(1)} %`;
const table = [
  '# The cost of a form',
  '',
  `${size}, vocabulary ${flags.vocabulary}, ${report.engine}, ${report.machine.processor}, ${report.date}. Milliseconds of a`,
  "token while decoding; of the host, the processor's time in the thread that masks and samples.",
  '',
  '| form | a token | host, free | known form | more, of a token | new form | more, of a token |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...rows.map((row) =>
    [
      '',
      ...[row.form, row.token.toFixed(2), row.host.toFixed(2)],
      ...[row.known.toFixed(2), share(row, row.known), row.first.toFixed(2), share(row, row.first)],
      '',
    ]
      .join(' | ')
      .trim(),
  ),
  '',
].join('\n');
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
await writeFile(`${out}.md`, table);
console.log(table);
