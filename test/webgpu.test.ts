/** The front door on WebGPU: the same models give the same answers, and where there is no GPU it says so. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { describeOnGpu } from './engines.ts';

const golden = fileURLToPath(new URL('fixtures/golden/mmfree-tiny', import.meta.url));
const cli = fileURLToPath(new URL('../bin/plusminus.js', import.meta.url));

describeOnGpu('LanguageModel on webgpu', () => {
  it('gives the logits that the released code computed', async () => {
    const file = await SafetensorsFile.open(`${golden}/expected.safetensors`);
    const ids = [...new Int32Array((await file.read('input_ids')).slice().buffer)].slice(0, 24);
    const expected = new Float32Array((await file.read('logits')).slice().buffer);
    await file.close();
    await using model = await LanguageModel.load(golden, { engine: 'webgpu' });
    expect(model.engine).toMatch(/^webgpu \(.+\)$/);
    expect(model.memory.inUse).toBeGreaterThan(50_000);
    const { logits } = await model.forward(ids);
    logits.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4);
    });
  });

  it('opens sessions that the CPU saved, and the other way round', async () => {
    await using cpu = await LanguageModel.load(golden, { engine: 'cpu', threads: 0 });
    await using gpu = await LanguageModel.load(golden, { engine: 'webgpu' });
    const session = cpu.session();
    await session.append([3, 1, 4, 1, 5]);
    const saved = session.save();
    expect(gpu.restore(saved).save()).toEqual(saved);
  });
});

it('says what to do where there is no adapter', async () => {
  const { code, stderr } = await run([
    'logits',
    '--model',
    golden,
    '--tokens',
    '1',
    '--engine',
    'webgpu',
    '--out',
    'x',
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/plusminus: WebGPU found no adapter: .*use the CPU: --engine cpu/);
});

/** The command where Vulkan finds no driver. */
function run(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const env = { ...process.env, VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env }, (error, _, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stderr });
    });
  });
}
