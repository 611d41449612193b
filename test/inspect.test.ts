/** `plusminus inspect` on a model that runs: comparing engines, profiles, dumped kernels. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnGpu } from './engines.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

const bin = join(import.meta.dirname, '../bin/plusminus.js');

let model: SmallModel;
let folder: string;

beforeAll(async () => {
  model = await makeSmallModel();
  folder = await mkdtemp(join(tmpdir(), 'plusminus-inspect-'));
});
afterAll(async () => {
  await model?.remove();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function inspect(...args: readonly string[]) {
  const child = spawn(process.execPath, [bin, 'inspect', ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

describe('inspect --against', () => {
  it('prints the largest difference of each op', async () => {
    const { code, stdout } = await inspect(model.folder, '--against', 'reference', '--threads', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+: cpu against reference, tokens 1, 2, 3$/m);
    expect(stdout).toMatch(/^No op differs by more than its tolerance\.$/m);
    expect(stdout).toMatch(/^bitLinear +38 +0 +\d\.\de-\d+ +7\.9e-3$/m);
  });

  it('prints JSON', async () => {
    const { code, stdout } = await inspect(
      ...[model.folder, '--against', 'cpu', '--engine', 'reference', '--threads', '0'],
      ...['--tokens', '5,6', '--json'],
    );
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ engine: 'reference', against: 'cpu', tokens: [5, 6] });
    expect(found.first).toBeUndefined();
    expect(found.ops).toContainEqual(expect.objectContaining({ op: 'mlgru', outputs: 6, exceeding: 0 }));
  });
});

describe('inspect of a GGUF file', () => {
  it('names codes in groups, and whole bytes', async () => {
    const path = join(import.meta.dirname, 'fixtures/golden/gguf/bonsai-q2-64/model.gguf');
    const { code, stdout } = await inspect(path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^matrices of codes \(ternary, groups of 64\) +737\.3 k$/m);
    expect(stdout).not.toMatch(/dense matrices/);
    expect(stdout).toMatch(/^groupedEmbedding .* 40 B/m);
  });
});

describe('inspect --profile', () => {
  it('prints the time of each kernel', async () => {
    const { code, stdout } = await inspect(model.folder, '--profile', '--threads', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^kernel +ms +share +calls$/m);
    expect(stdout).toMatch(/^ternaryProduct +\d+\.\d{3} +\d+\.\d % +19$/m);
  });

  it('prints JSON, of the reference engine by op', async () => {
    const args = ['--profile', '--engine', 'reference', '--tokens', '7', '--json'];
    const { stdout } = await inspect(model.folder, ...args);
    const { kernels, milliseconds } = JSON.parse(stdout);
    expect(kernels).toContainEqual(expect.objectContaining({ kernel: 'bitLinear', calls: 19 }));
    const sum = (field: string) =>
      kernels.reduce((total: number, row: Record<string, number>) => total + row[field]!, 0);
    expect(sum('milliseconds')).toBeCloseTo(milliseconds);
    expect(sum('share')).toBeCloseTo(1);
  });
});

describe('inspect --dump', () => {
  it('writes the program, kernels of the CPU and all shaders, without running', async () => {
    const { code, stdout } = await inspect('370M', '--dump', folder);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/: \d+ files\n$/) });
    expect((await readdir(folder)).sort()).toEqual(['decode', 'prefill']);
    const cpu = (await readFile(join(folder, 'decode/cpu.txt'), 'utf8')).split('\n');
    expect(cpu.find((line) => line.includes('rmsNormForward'))).toMatch(
      /^\d+ rmsNorm rmsNormForward x=\d+\.embedding\.y: f32\[1, 1, 1024\] at \d+ gamma=model\./,
    );
    const program = (await readFile(join(folder, 'decode/program.txt'), 'utf8')).trim().split('\n');
    expect(program).toHaveLength(1 + Number(/^\d+/.exec(program.at(-1)!)));
    expect(program.find((line) => line.includes(' mlgru '))).toMatch(
      /last=\d+\.mlgru\.last: f32\[1, 1024\] in state\.0$/,
    );
    for (const kind of ['tensor-cores', 'subgroups-of-32', 'nothing-but-the-standard']) {
      const shaders = join(folder, `prefill/webgpu-${kind}`);
      const dispatches = await readFile(join(shaders, 'dispatches.txt'), 'utf8');
      const named = new Set(dispatches.match(/\S+\.wgsl/g));
      const written = (await readdir(shaders)).filter((name) => name.endsWith('.wgsl'));
      expect(written.sort()).toEqual([...named].sort());
      for (const name of named) expect(await readFile(join(shaders, name), 'utf8')).toMatch(/@compute/);
    }
  });
});

describe('inspect refuses', () => {
  it.each([
    [['370M', '--against', 'reference'], /--against: found 370M, which has no weights/],
    [['370M', '--profile'], /--profile: found 370M, which has no weights/],
    [['--against', 'cpu', '--engine', 'auto'], /--against: found cpu, which is --engine too/],
    [['--against', 'cpu', '--profile'], /cannot be used with/],
    [['--tokens', '1'], /--tokens: expected --against or --profile with it/],
    [['--profile', '--tokens', '8192'], /token 0: found 8192/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await inspect(...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^plusminus: [^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describeOnGpu('inspect on webgpu', () => {
  it('compares it with the reference', async () => {
    const { code, stdout } = await inspect(model.folder, '--against', 'reference', '--engine', 'webgpu');
    expect(stdout).toMatch(/^No op differs/m);
    expect(code).toBe(0);
  });
});
