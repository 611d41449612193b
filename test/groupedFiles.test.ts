/** Checkpoints of codes with a scale for each group: recognised among floats, packed, run, and made floats again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { webGpu } from './engines.ts';

const golden = (name: string) => fileURLToPath(new URL(`fixtures/golden/${name}`, import.meta.url));

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function tensorsOf(folder: string): Promise<Map<string, Uint8Array>> {
  const file = await SafetensorsFile.open(join(folder, 'model.safetensors'));
  const found = new Map<string, Uint8Array>();
  for (const name of [...file.tensors.keys()].sort()) found.set(name, (await file.read(name)).slice());
  await file.close();
  return found;
}

/** Floats, a negative zero as zero. */
function numbers(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer).map((value) => value + 0);
}

/** Mean Kullback–Leibler divergence of the logits of one sequence from those of Hugging Face's package, in nats. */
async function divergence(folder: string, expected: string, engine: 'cpu' | 'webgpu'): Promise<number> {
  const file = await SafetensorsFile.open(join(expected, 'expected.safetensors'));
  const ids = new Int32Array((await file.read('input_ids')).slice().buffer);
  const logits = new Float32Array((await file.read('logits')).slice().buffer);
  await file.close();
  const length = ids.length / 2;
  const vocabulary = logits.length / ids.length;
  const model = await LanguageModel.load(folder, { engine });
  try {
    const found = (await model.forward([...ids.subarray(0, length)])).logits;
    let sum = 0;
    for (let t = 0; t < length; t++) {
      const row = (of: Float32Array) => logSoftmax(of.subarray(t * vocabulary, (t + 1) * vocabulary));
      const [p, q] = [row(logits), row(found)];
      sum += p.reduce((total, log, v) => total + Math.exp(log) * (log - q[v]!), 0);
    }
    return sum / length;
  } finally {
    await model.dispose();
  }
}

function logSoftmax(logits: Float32Array): number[] {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, x) => total + Math.exp(x - max), 0);
  return Array.from(logits, (x) => x - max - Math.log(sum));
}

describe.each([
  ['ternary', 2.125],
  ['binary', 1.125],
] as const)('a float model of %s codes', (codes, bits) => {
  const source = golden(`qwen3-${codes}-tiny`);

  it('is packed exactly: its floats come back', async () => {
    const folder = await scratch();
    const said = await convertCheckpoint(source, join(folder, 'packed'), { to: 'packed' });
    // Seven a layer, and the embedding.
    expect(said).toEqual([
      `22 float matrices were ${codes} codes with a scale for each 128 weights of a row: packed exactly`,
    ]);
    const packed = await tensorsOf(join(folder, 'packed'));
    const matrices = [...packed].filter(([name]) => !/norm/.test(name));
    const weights = 737_280 + 19_456;
    expect(matrices.reduce((sum, [, bytes]) => sum + bytes.length, 0)).toBe((weights * bits) / 8);

    await convertCheckpoint(join(folder, 'packed'), join(folder, 'again'), { to: 'packed' });
    expect(await tensorsOf(join(folder, 'again'))).toEqual(packed);
    await convertCheckpoint(join(folder, 'packed'), join(folder, 'floats'), { to: 'f32' });
    const [found, wanted] = [await tensorsOf(join(folder, 'floats')), await tensorsOf(source)];
    expect([...found.keys()]).toEqual([...wanted.keys()]);
    for (const [name, bytes] of wanted) expect(numbers(found.get(name)!), name).toEqual(numbers(bytes));
  });

  // Activations are rounded to int8 in blocks, which moves the distributions by 1e-3 to 2e-3 nats; codes or scales in a
  // wrong place move them by more than one.
  for (const engine of ['cpu', 'webgpu'] as const) {
    const skip = engine === 'webgpu' && webGpu.skip;
    it.skipIf(skip)(
      `has nearly the same distributions when packed, on ${engine}`,
      { timeout: 120_000 },
      async () => {
        const folder = await scratch();
        await convertCheckpoint(source, join(folder, 'packed'), { to: 'packed' });
        expect(await divergence(join(folder, 'packed'), source, engine)).toBeLessThan(5e-3);
      },
    );
  }

  it('may have another embedding than it is stored with', async () => {
    const folder = await scratch();
    const table = 'model.embed_tokens.weight';
    await convertCheckpoint(source, join(folder, 'int8'), { to: 'packed', embedding: 'int8' });
    await convertCheckpoint(source, join(folder, 'packed'), { to: 'packed' });
    await convertCheckpoint(join(folder, 'packed'), join(folder, 'f16'), { to: 'packed', embedding: 'f16' });
    const [int8, f16] = [await tensorsOf(join(folder, 'int8')), await tensorsOf(join(folder, 'f16'))];
    expect(int8.get(table)?.length).toBe(152 * 128);
    expect(f16.get(table)?.length).toBe(152 * 128 * 2);
    expect(await divergence(join(folder, 'f16'), source, 'cpu')).toBeLessThan(5e-3);
  });
});
