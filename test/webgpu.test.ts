/** The front door on WebGPU: the same models give the same answers, and where there is no GPU it says so. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import type { GenerateOptions } from '../src/generate/generate.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { describeOnGpu } from './engines.ts';
import { makeSmallModel } from './smallModel.ts';

const golden = fileURLToPath(new URL('fixtures/golden/mmfree-tiny', import.meta.url));
const cli = fileURLToPath(new URL('../bin/plusminus.js', import.meta.url));

describeOnGpu('LanguageModel on webgpu', () => {
  let gpu: LanguageModel;
  beforeAll(async () => {
    gpu = await LanguageModel.load(golden, { engine: 'webgpu' });
  });
  afterAll(() => gpu?.dispose());

  it('gives the logits that the released code computed', async () => {
    const file = await SafetensorsFile.open(`${golden}/expected.safetensors`);
    const ids = [...new Int32Array((await file.read('input_ids')).slice().buffer)].slice(0, 24);
    const expected = new Float32Array((await file.read('logits')).slice().buffer);
    await file.close();
    expect(gpu.engine).toMatch(/^webgpu \(.+\)$/);
    expect(gpu.memory.inUse).toBeGreaterThan(50_000);
    const { logits } = await gpu.forward(ids);
    logits.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4);
    });
  });

  it('writes what the CPU writes from the same seed, sampled where the logits are', async () => {
    await using cpu = await LanguageModel.load(golden, { engine: 'cpu', threads: 0 });
    const settings = [
      { temperature: 0 },
      { temperature: 0.8, seed: 5 },
      { topK: 20, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3, seed: 6 },
    ];
    for (const options of settings) {
      expect(await idsOf(gpu, options)).toEqual(await idsOf(cpu, options));
    }
    // Two at a time: one of them gets its logits read back, and both are as if alone.
    const alone = await Promise.all(settings.map((options) => idsOf(cpu, options)));
    expect(await Promise.all(settings.map((options) => idsOf(gpu, options)))).toEqual(alone);
  });

  it('writes in a form what the CPU writes, with what is forced read before the next token is drawn', async () => {
    const small = await makeSmallModel();
    await using cpu = await LanguageModel.load(small.folder, { engine: 'cpu', threads: 0 });
    await using onGpu = await LanguageModel.load(small.folder, { engine: 'webgpu' });
    const properties = { name: { type: 'string', maxLength: 9 }, mood: { enum: ['good', 'bad', 'so, so'] } };
    const schema = { type: 'object', properties, required: ['name', 'mood'] };
    for (const options of [
      { temperature: 0 },
      { temperature: 1, seed: 3 },
      { temperature: 0.9, topK: 30, repetitionPenalty: 1.5, seed: 4 },
    ]) {
      const form = { ...options, maxTokens: 80, responseFormat: { type: 'json' as const, schema } };
      const text = await onGpu.complete('Who?', form);
      expect(text).toEqual(await cpu.complete('Who?', form));
      expect(text.finishReason).toBe('stop');
      const free = { ...options, maxTokens: 12 }; // all tokens are allowed again
      expect(await onGpu.complete('Who?', free)).toEqual(await cpu.complete('Who?', free));
    }
    await small.remove();
  });

  it('can be left in the middle of a text, or told to stop, and starts the next one from nothing', async () => {
    const whole = await idsOf(gpu, { temperature: 0 });
    const controller = new AbortController();
    const ids: number[] = [];
    const onToken = (id: number) => {
      if (ids.push(id) === 5) controller.abort();
    };
    await idsOf(gpu, { temperature: 0, signal: controller.signal, onToken });
    expect(ids).toEqual(whole.slice(0, 5));
    expect(await idsOf(gpu, { temperature: 0 })).toEqual(whole);
    await expect(idsOf(gpu, {}, [4000])).rejects.toThrow(
      /token 0: found 4000, expected an integer from 0 to 95/,
    );
    expect(await idsOf(gpu, { temperature: 0 })).toEqual(whole);
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

/** What a model without tokenizer writes, as ids. */
async function idsOf(model: LanguageModel, options: GenerateOptions, prompt = [3, 1, 4, 1, 5]) {
  const ids: number[] = [];
  const onToken = (id: number) => {
    ids.push(id);
    options.onToken?.(id);
  };
  for await (const _ of model.generate(prompt, { maxTokens: 30, stopAtEos: false, ...options, onToken }));
  return ids;
}

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
