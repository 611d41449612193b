/** Benchmarks end with one line where they cannot measure, before they measure, and write where --out says. */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outputPath } from '../bench/outputPath.ts';
import { temporaryFolder } from '../src/checkpoint/testing.ts';

const repository = join(import.meta.dirname, '..');

/** Without a driver for GPUs. */
const env = { ...process.env, VK_ICD_FILENAMES: '/nothing.json', VK_DRIVER_FILES: '/nothing.json' };

function bench(script: string, args: readonly string[], cwd: string) {
  return new Promise<{ code: number; stderr: string }>((resolve) => {
    const path = join(repository, 'bench', script);
    execFile(process.execPath, [path, ...args], { cwd, env }, (error, _, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
  });
}

/** Lines of our own: Dawn prints warnings of Vulkan, with where they come from, and an empty line. */
const ours = (stderr: string) =>
  stderr.split('\n').filter((line) => line !== '' && !/^(Warning|\s+at )/.test(line));

it.each([
  ['cpu.ts', ['--sizes', 'huge'], 'plusminus: --sizes: found huge, expected some of tiny, mini'],
  ['gpu.ts', ['--rounds', '0'], 'plusminus: --rounds: found 0, expected a positive integer'],
  ['mpi.ts', ['--engine', 'abacus'], 'plusminus: --engine: found abacus, expected cpu, webgpu or cuda'],
  ['serve.ts', ['--size', 'huge'], 'plusminus: --size: found huge, expected one of tiny, mini'],
  ['losses.ts', ['--add', '.'], 'plusminus: --add: . cannot be read: found a folder'],
  ['losses.ts', ['--add', 'no.json'], 'plusminus: --add: no.json cannot be read: no such file'],
])('%s %j ends with one line', async (script, args, message) => {
  const { code, stderr } = await bench(script, args, await temporaryFolder());
  expect(code).toBe(1);
  expect(stderr.startsWith(message), stderr).toBe(true);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

it.each(['cpu.ts', 'gpu.ts', 'mpi.ts', 'serve.ts', 'browser.ts', 'losses.ts'])(
  '%s refuses a path that cannot be written before it measures',
  async (script) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    const engine = script === 'losses.ts' ? ['--add', join(folder, 'none.json')] : [];
    const { code, stderr } = await bench(script, ['--out', join(folder, 'file/out'), ...engine], folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^plusminus: --out: .*file\/out cannot be written: found a file of that name; .*\n$/,
    );
  },
);

it.each([
  ['gpu.ts', ['--size', 'tiny', '--no-pytorch']],
  ['losses.ts', ['--engine', 'webgpu']],
  ['mpi.ts', ['--engine', 'webgpu', '--size', 'tiny']],
])('%s %j ends with one line where there is no GPU', async (script, args) => {
  const folder = await temporaryFolder();
  const { code, stderr } = await bench(script, [...args, '--out', join(folder, 'out')], folder);
  expect(code).toBe(1);
  expect(ours(stderr)).toEqual([expect.stringMatching(/^plusminus: .*(GPU|adapter).*--engine cpu/)]);
  expect(await readdir(folder)).not.toContain('out.json');
});

it('an output path is relative to the working directory, or absolute, or in results/', async () => {
  const folder = await temporaryFolder();
  expect(await outputPath(join(folder, 'new/tables'), 'cpu')).toBe(join(folder, 'new/tables'));
  expect(await readdir(folder)).toEqual(['new']);
  expect(await outputPath('results/x', 'cpu')).toBe(join(process.cwd(), 'results/x'));
  expect(await outputPath(undefined, 'cpu')).toBe(join(repository, 'results/cpu'));
  await writeFile(join(folder, 'other.json'), '{"curves":[]}');
  const { code, stderr } = await bench('losses.ts', ['--add', 'other.json', '--out', 'here'], folder);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(await readFile(join(folder, 'here.json'), 'utf8')).curves).toEqual([]);
});
