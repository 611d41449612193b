/** The rules of the house, checked on every file; and each rule on a breach of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCircles,
  checkDeadExports,
  checkLayers,
  checkLengths,
  checkUnreachable,
  checkWords,
  type Layers,
} from './rules.ts';
import { parse, readSources, readTexts, root, type Source } from './sources.ts';

/** From the lowest to the highest. Rooms of one layer may import one another. */
const layers: Layers = [
  ['errors.ts', 'format.ts', 'rounding.ts', 'processMark.ts'],
  ['given.ts', 'wrongFile.ts', 'optionalPackages.ts', 'folderLock.ts', 'systemErrors.ts'],
  ['json.ts', 'files.ts'],
  ['text', 'program', 'mpi', 'ranks'],
  ['kernels'],
  ['ops'],
  ['engine'],
  ['model'],
  ['checkpoint', 'platform'],
  ['run'],
  ['generate'],
  ['library', 'languageModel.ts', 'loadModel.ts'],
  ['evaluate', 'debug'],
  ['train', 'figures'],
  ['study', 'serve', 'accelerator'],
  ['cli'],
];

/** Single imports that a layer does not allow. */
const upward: Readonly<Record<string, string>> = {
  'src/cli/accelerator/report.ts → results/rtl.json': 'the report quotes the recorded synthesis',
  'src/cli/bench.ts → bench/cpu.ts': 'in a checkout, the command runs the benchmark',
  'src/cli/main.ts → package.json': 'the version',
  'src/platform/nativeLibrary.ts → package.json': 'the version',
  'src/engine/cpu/kernelFiles.ts → build/kernels.wasm': 'the compiled kernels',
  'src/engine/cpu/kernelFiles.ts → build/kernels.relaxed.wasm': 'the compiled kernels',
  'src/engine/cpu/kernelFiles.ts → build/kernels.threads.wasm': 'the compiled kernels',
  'src/engine/cpu/kernelFiles.ts → build/kernels.threads.relaxed.wasm': 'the compiled kernels',
  'src/generate/draw/sampler.ts → build/draw.wasm': 'the compiled sampler',
};

/** What users import or start. */
const entries = [
  'src/index.ts',
  'src/cli/main.ts',
  'src/platform/node.ts',
  'src/platform/browser.ts',
  ...['accelerator', 'ai', 'evaluate', 'serve', 'train'].map((name) => `src/library/${name}.ts`),
];

/** Functions that are one shader, or one figure, and read better whole; and what is generated. */
const longOnes = {
  'src/kernels/cpu/kernelArguments.ts': 'generated',
  'src/engine/webgpu/fused/projections.wgsl.ts fusedProjections': 'one shader',
  'src/ops/sample/kernel.wgsl.ts code': 'one shader',
};

const sources = readSources();
const product = sources.filter(({ path }) => path.startsWith('src/'));
const starts = [
  ...entries,
  ...sources.map(({ path }) => path).filter((path) => /^(bench|scripts|web|recipes|rtl|bin)\//.test(path)),
];

describe('the sources', () => {
  it('import from their own layer and lower ones only', () => {
    expect(checkLayers(withoutEntries(product), layers, upward)).toEqual([]);
  });

  it('load one another without circles', () => {
    expect(checkCircles(product)).toEqual([]);
  });

  it('export no function, class or constant that nobody imports', () => {
    expect(checkDeadExports(sources, starts)).toEqual([]);
  });

  it('are all reached from what users start', () => {
    expect(checkUnreachable(sources, starts)).toEqual([]);
  });

  it('keep to 400 lines a file, and to a screen a function', () => {
    const limits = { file: 400, function: 70, exceptions: longOnes };
    expect(checkLengths(product.filter(isOurs), limits)).toEqual([]);
  });

  it('use the words of the glossary', () => {
    expect(checkWords(readTexts())).toEqual([]);
  });

  it('ops know nothing of engines, and program/op.ts names none', () => {
    const text = readFileSync(join(root, 'src/program/op.ts'), 'utf8');
    expect(text).not.toMatch(/cpu|webgpu|wgsl/i);
  });
});

/** Entry points for users stand above all layers. */
function withoutEntries(all: readonly Source[]): Source[] {
  return all.filter(({ path }) => !entries.includes(path) || path.startsWith('src/platform/'));
}

function isOurs({ path }: Source): boolean {
  return !/\.test\.ts$|\.ranks\.ts$|testing\.ts$/.test(path);
}

describe('the rules complain of', () => {
  const made = (files: Record<string, string>) =>
    Object.entries(files).map(([path, text]) => parse(path, text));

  it('an import from a higher layer, and a room without one', () => {
    const files = made({
      'src/ops/add.ts': "import { run } from '../engine/run.ts';",
      'src/attic/old.ts': '',
      'src/engine/run.ts': "import { add } from '../ops/add.ts';",
    });
    expect(checkLayers(files, [['ops'], ['engine']])).toEqual([
      'src/ops/add.ts imports src/engine/run.ts: ops is below engine',
      'src/attic/old.ts: the room attic stands in no layer',
    ]);
  });

  it('a circle of loaded files, not of types', () => {
    const files = { 'src/a.ts': "import { b } from './b.ts';", 'src/b.ts': "import { a } from './a.ts';" };
    expect(checkCircles(made(files))).toEqual(['src/a.ts → src/b.ts → src/a.ts']);
    expect(checkCircles(made({ ...files, 'src/b.ts': "import type { A } from './a.ts';" }))).toEqual([]);
  });

  it('an export without importer, and a file that nothing reaches', () => {
    const files = made({
      'src/index.ts': "export { used } from './lib.ts';",
      'src/lib.ts': 'export const used = 1; export function unused() {} export interface Shape {}',
      'src/forgotten.ts': 'const x = 1;',
    });
    expect(checkDeadExports(files, ['src/index.ts'])).toEqual(['src/lib.ts: nobody imports unused']);
    expect(checkUnreachable(files, ['src/index.ts'])).toEqual([
      'src/forgotten.ts: no entry point reaches it',
    ]);
  });

  it('words that the glossary replaces', () => {
    const text =
      'const mostBytes = 1;\n// a foretold token goes on\nleastSquares(xs); // at most, at least\n';
    expect(checkWords(new Map([['src/a.ts', text]]))).toEqual([
      'src/a.ts:1: found mostBytes, expected max… or min…',
      'src/a.ts:2: found foretold, expected predict',
      'src/a.ts:2: found goes on, expected continue',
    ]);
  });

  it('a long file, a long function, and an exception that is no longer needed', () => {
    const body = '\n'.repeat(12);
    const files = made({ 'src/long.ts': `function long() {${body}}\n`, 'src/short.ts': 'const x = 1;\n' });
    const limits = { file: 10, function: 10, exceptions: { 'src/short.ts': 'was long once' } };
    expect(checkLengths(files, limits)).toEqual([
      'src/long.ts has 13 lines, expected at most 10',
      'src/long.ts: long has 13 lines, expected at most 10',
      'src/short.ts: no longer too long; remove the exception',
    ]);
  });
});
