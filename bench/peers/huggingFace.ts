/**
 * Compares logits of random models with Hugging Face's transformers on the CPU: each family, in each form in which it is
 * stored. Python needs torch, transformers, accelerate and safetensors:
 *
 *     npx node bench/peers/huggingFace.ts --python PYTHON --cases 6
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { LanguageModel } from '../../src/languageModel.ts';
import type { DecoderConfig } from '../../src/model/config.ts';
import { divergenceOfRow } from '../divergence.ts';
import { outputPath } from '../outputPath.ts';
import { families, type RandomFamily, writeRandomModel } from './randomModels.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    cases: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
});

/** Beyond it, an activation was rounded to another int8 value, or something is wrong. */
const tolerance = 2e-4;

interface Case {
  readonly folder: string;
  readonly family: RandomFamily;
  readonly config: DecoderConfig;
  readonly tokens: readonly number[];
}

interface Compared {
  readonly positions: number;
  /** Largest difference of a logit, over the positions before the first that differs by more than the tolerance. */
  readonly maxDifference: number;
  /** Positions from that one on, whose attention sees it. */
  readonly afterTies: number;
  /** Mean Kullback–Leibler divergence over all positions, in nats. */
  readonly divergence: number;
}

const script = fileURLToPath(new URL('huggingFace.py', import.meta.url));
const out = await outputPath(flags.out, 'peers-transformers');
const root = await mkdtemp(join(tmpdir(), 'plusminus-peers-'));
try {
  const cases: Case[] = [];
  for (const [f, family] of families.entries()) {
    for (let k = 0; k < Number(flags.cases); k++) {
      const folder = join(root, `${f}-${k}`);
      const seed = 1000 * Number(flags.seed) + 100 * f + k;
      cases.push({ folder, family, ...(await writeRandomModel(folder, family, seed)) });
    }
  }
  const folders = cases.map(({ folder }) => folder);
  const { stdout } = await promisify(execFile)(flags.python, [script, ...folders], { maxBuffer: 2 ** 24 });
  const versions = JSON.parse(stdout.trim().split('\n').at(-1)!);
  const compared = new Map<Case, Compared>();
  for (const one of cases) compared.set(one, await compare(one));
  const rows = families.map((family) =>
    summary(
      family,
      [...compared].filter(([one]) => one.family === family),
    ),
  );
  console.table(rows);
  const report = { ...versions, tolerance, cases: Number(flags.cases), seed: Number(flags.seed), rows };
  await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  if (rows.some(({ agrees }) => !agrees)) process.exitCode = 1;
} finally {
  await rm(root, { recursive: true, force: true });
}

async function compare({ folder, tokens, family, config }: Case): Promise<Compared> {
  const failure = join(folder, 'failure.txt');
  if (existsSync(failure)) {
    throw new Error(`${family.name}: ${JSON.stringify(config)}\n${await readFile(failure, 'utf8')}`);
  }
  const expected = new Float32Array((await readFile(join(folder, 'logits.bin'))).buffer);
  const model = await LanguageModel.load(folder, { engine: 'cpu', threads: 1 });
  try {
    const { logits } = await model.forward(tokens);
    if (logits.length !== expected.length) {
      throw new Error(`${family.name}: found ${logits.length} logits, expected ${expected.length}`);
    }
    return differences(logits, expected, config.vocabSize);
  } finally {
    await model.dispose();
  }
}

function differences(found: Float32Array, expected: Float32Array, vocabulary: number): Compared {
  const positions = found.length / vocabulary;
  const row = (numbers: Float32Array, t: number) => numbers.subarray(t * vocabulary, (t + 1) * vocabulary);
  const largest = Array.from({ length: positions }, (_, t) => {
    const wanted = row(expected, t);
    return row(found, t).reduce((max, value, v) => Math.max(max, Math.abs(value - wanted[v]!)), 0);
  });
  const first = largest.findIndex((difference) => !(difference <= tolerance));
  const compared = first < 0 ? positions : first;
  const divergences = Array.from({ length: positions }, (_, t) =>
    divergenceOfRow(row(expected, t), row(found, t)),
  );
  return {
    positions,
    maxDifference: Math.max(0, ...largest.slice(0, compared)),
    afterTies: positions - compared,
    divergence: divergences.reduce((sum, one) => sum + one, 0) / positions,
  };
}

function summary(family: RandomFamily, compared: readonly (readonly [Case, Compared])[]) {
  const of = (key: keyof Compared) => compared.map(([, one]) => one[key]);
  const total = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0);
  const [positions, afterTies] = [total(of('positions')), total(of('afterTies'))];
  const meanDivergence = total(of('divergence')) / compared.length;
  return {
    family: family.name,
    models: compared.length,
    positions,
    maxDifference: Number(Math.max(...of('maxDifference')).toExponential(2)),
    afterTies,
    meanDivergence: Number(meanDivergence.toExponential(2)),
    // Float models have no ties. A wrong formula would differ from the first position on, in every model.
    agrees: family.isTernary ? afterTies < positions / 2 && meanDivergence < 0.05 : afterTies === 0,
  };
}
