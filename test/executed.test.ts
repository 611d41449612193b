/** The audit of multiplications counts what is executed, and its page says what its JSON says. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { type ExecutedReport, formatExecuted } from '../bench/executed/format.ts';
import { countingModule, countsOf } from '../bench/executed/instrument.ts';
import { temporaryFolder } from '../src/checkpoint/testing.ts';
import { makeSmallModel } from './smallModel.ts';

const root = join(import.meta.dirname, '..');

it('results/executed.md is made from executed.json', () => {
  const report = JSON.parse(readFileSync(join(root, 'results/executed.json'), 'utf8'));
  expect(formatExecuted(report)).toBe(readFileSync(join(root, 'results/executed.md'), 'utf8'));
});

/** (module (import "env" "memory" (memory 1)) (func (export "run") (param f32 f64) …)): two products of f32, one of f64. */
const text = [
  [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  [1, 6, 1, 0x60, 2, 0x7d, 0x7c, 0], // type (f32, f64)
  [2, 15, 1, 3, ...Buffer.from('env'), 6, ...Buffer.from('memory'), 2, 0, 1],
  [3, 2, 1, 0],
  [7, 7, 1, 3, ...Buffer.from('run'), 0, 0],
  [10, 19, 1, 17, 0, 0x20, 0, 0x20, 0, 0x94, 0x20, 0, 0x94, 0x1a, 0x20, 1, 0x20, 1, 0xa2, 0x1a, 0x0b],
];

it('counts each multiplication once, and leaves the rest as it was', async () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = await WebAssembly.compile(countingModule(new Uint8Array(text.flat())) as BufferSource);
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
    run: (float: number, double: number) => void;
  };
  for (let k = 0; k < 5; k++) run(2, 3);
  expect(countsOf(memory)).toMatchObject({ '32-bit floats': 10, '64-bit floats': 5, '8-bit integers': 0 });
});

it('each addition of a small model is a product of 8-bit integers on the CPU', async () => {
  const small = await makeSmallModel({ architecture: 'matmul-free' });
  try {
    const out = join(await temporaryFolder(), 'executed');
    const script = join(root, 'bench/executed.ts');
    await promisify(execFile)(process.execPath, [script, '--model', small.folder, '--out', out]);
    const { rows }: ExecutedReport = JSON.parse(await readFile(`${out}.json`, 'utf8'));
    for (const { executed, algorithm, gpu } of rows) {
      expect(algorithm.productMultiplications).toBe(0);
      // Rows are padded to whole vectors.
      expect(executed['8-bit integers']).toBeGreaterThanOrEqual(algorithm.integerAdditions);
      expect(executed['8-bit integers']).toBeLessThan(1.5 * algorithm.integerAdditions);
      expect(new Set(gpu.map(({ engine }) => engine))).toEqual(new Set(['webgpu', 'cuda']));
    }
  } finally {
    await small.remove();
  }
});
