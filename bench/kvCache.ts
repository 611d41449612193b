/**
 * What narrower keys and values change: the golden models that attend read their tokens with keys and values in f32, f16
 * and int8, on the CPU. Written is how far the distributions of the next token lie from those of f32. The models are small
 * and have random weights, which leave many tokens nearly equal: trained ones differ less.
 *
 *   npx node bench/kvCache.ts --tokens 200
 */
import './begin.ts';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { LanguageModel } from '../src/languageModel.ts';
import { type KvCacheType, kvCacheTypes } from '../src/model/architecture.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { divergence } from './divergence.ts';
import { outputPath } from './outputPath.ts';

const flags = new Command('npx node bench/kvCache.ts')
  .option('--tokens <n>', 'tokens that each model reads', Number, 200)
  .option('--out <path>', 'where to write the table, without extension (default: results/kv-cache)')
  .parse()
  .opts<{ tokens: number; out?: string }>();

const models = [
  ...['llama-tiny', 'llama3-tiny', 'bitnet-tiny', 'falcon-tiny', 'qwen3-ternary-tiny', 'qwen3-binary-tiny'],
  ...['gguf/bonsai-q2-128/model.gguf', 'gguf/trilm-tq2/model.gguf', 'gguf/bitnet-i2s/model.gguf'],
];

interface Row {
  readonly model: string;
  readonly type: KvCacheType;
  readonly bytesPerToken: number;
  /** Mean Kullback–Leibler divergence from the distributions with f32, in nats, and the largest. */
  readonly meanDivergence: number;
  readonly maxDivergence: number;
  /** Share of the tokens whose most probable successor is the same. */
  readonly sameFirst: number;
}

async function logitsOf(name: string, kvCacheType: KvCacheType) {
  const folder = fileURLToPath(new URL(`../test/fixtures/golden/${name}`, import.meta.url));
  await using model = await LanguageModel.load(folder, { kvCacheType, engine: 'cpu', threads: 1 });
  const { vocabSize } = model.config;
  const random = new SeededRandom(7);
  const tokens = Array.from({ length: flags.tokens }, () => random.integer(vocabSize));
  const { logits } = await model.forward(tokens);
  return { logits, vocabSize, bytesPerToken: model.memory.statePerToken };
}

async function rowsOf(model: string): Promise<Row[]> {
  const expected = await logitsOf(model, 'f32');
  const rows: Row[] = [];
  for (const type of kvCacheTypes) {
    const { logits, vocabSize, bytesPerToken } = await logitsOf(model, type);
    const found = divergence(expected.logits, logits, vocabSize);
    rows.push({ model, type, bytesPerToken, ...found });
  }
  return rows;
}

const rows: Row[] = [];
for (const model of models) rows.push(...(await rowsOf(model)));
const out = await outputPath(flags.out, 'kv-cache');
const date = new Date().toISOString();
await writeFile(`${out}.json`, `${JSON.stringify({ date, tokens: flags.tokens, rows }, undefined, 2)}\n`);
const table = `${[
  '# Keys and values in fewer bits',
  '',
  `\`npx node bench/kvCache.ts --tokens ${flags.tokens}\`, ${date.slice(0, 10)}: golden models with random weights, on the CPU. ` +
    'Divergence (Kullback–Leibler, in nats) is that of the next token’s distribution from the one with f32. Rounded ' +
    'activations (BitNet, Falcon, grouped codes) may round the other way after the smallest change.',
  '',
  '| model | type | bytes a token | mean divergence | max. divergence | same first token |',
  '| --- | --- | --- | --- | --- | --- |',
  ...rows
    .filter(({ type }) => type !== 'f32')
    .map(
      ({ model, type, bytesPerToken, meanDivergence, maxDivergence, sameFirst }) =>
        `| ${model} | ${type} | ${bytesPerToken} | ${meanDivergence.toExponential(1)} | ${maxDivergence.toExponential(1)} | ${(100 * sameFirst).toFixed(1)} % |`,
    ),
].join('\n')}\n`;
await writeFile(`${out}.md`, table);
console.log(table);
