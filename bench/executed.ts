/**
 * Multiplications that the CPU engine's kernels execute for a token, by width, beside those that the algorithm has; and by
 * what instructions the GPU engines' kernels for the same programs multiply:
 *
 *     npx node bench/executed.ts --model models/stories
 *
 * The CPU's kernels are those of build/, with a counter after each instruction that multiplies (bench/executed/instrument.ts).
 */
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { architectureOf } from '../src/model/architecture.ts';
import { Weights } from '../src/model/weights.ts';
import { recordTypicalStep } from '../src/run/steps.ts';
import { perToken, workOf } from '../src/study/operations/work.ts';
import { type ExecutedReport, formatExecuted } from './executed/format.ts';
import { gpuRows } from './executed/gpuText.ts';
import { type Counts, countingModule, countsOf } from './executed/instrument.ts';
import { outputPath } from './outputPath.ts';

// Before an engine is made: native kernels are not counted, and its module is compiled through here.
process.env.PLUSMINUS_NATIVE = 'off';
let memory: WebAssembly.Memory | undefined;
const compile = WebAssembly.compile;
const Instance = WebAssembly.Instance;
WebAssembly.compile = async (bytes) =>
  compile(countingModule(new Uint8Array(bytes as ArrayBuffer)) as BufferSource);
WebAssembly.Instance = class extends Instance {
  constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
    super(module, imports);
    memory ??= imports?.env?.memory as WebAssembly.Memory | undefined;
  }
};
const { LanguageModel } = await import('../src/languageModel.ts');

const { values: flags } = parseArgs({
  options: { model: { type: 'string', default: 'models/stories' }, out: { type: 'string' } },
});
const promptLength = 64;
const out = await outputPath(flags.out, 'executed');
const model = await LanguageModel.load(resolve(flags.model), { engine: 'cpu', threads: 1 });
const ids = Array.from({ length: promptLength + 4 }, (_, k) => 5 + ((k * 37) % 500));

/** Counts what runs in between. */
async function during(run: () => Promise<unknown>): Promise<Counts> {
  const before = countsOf(memory!);
  await run();
  const after = countsOf(memory!);
  return Object.fromEntries(
    Object.entries(after).map(([width, count]) => [width, count - before[width as keyof Counts]]),
  ) as unknown as Counts;
}

function programOf(tokens: number) {
  const architecture = architectureOf(model.config);
  const weights = new Weights(architecture.parameters(), 'inference');
  return recordTypicalStep({ architecture, weights }, tokens, 'last', tokens);
}

function algorithmOf(tokens: number) {
  const { productMultiplications, floatMultiplications, integerAdditions } = perToken(
    workOf(programOf(tokens)),
    tokens,
  );
  return { productMultiplications, otherMultiplications: floatMultiplications, integerAdditions };
}

const session = model.session();
const read = async (tokens: number) => {
  await session.append(ids.slice(0, tokens));
  await session.logits();
};
const passes = [
  { name: 'prompt', tokens: promptLength },
  { name: 'decode', tokens: 1 },
];
const rows: ExecutedReport['rows'][number][] = [];
for (const { name, tokens } of passes) {
  await read(tokens); // what happens once, such as packing, is not a token's
  const counts = await during(() => read(tokens));
  const executed = Object.fromEntries(
    Object.entries(counts).map(([width, count]) => [width, Math.round(count / tokens)]),
  ) as unknown as Counts;
  const row = { pass: name, tokens, executed, algorithm: algorithmOf(tokens) };
  rows.push({ ...row, gpu: gpuRows(programOf(tokens)) });
}
await model.dispose();
const report: ExecutedReport = { model: basename(resolve(flags.model)), engine: model.engine, rows };
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
await writeFile(`${out}.md`, formatExecuted(report));
