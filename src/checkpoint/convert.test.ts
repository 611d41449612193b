import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namedConfig } from '../model/config.ts';
import { Checkpoint } from './checkpoint.ts';
import { readStoredConfig } from './config.ts';
import { convertCheckpoint } from './convert.ts';
import { loadParameters } from './load.ts';
import { unpackTernary } from './packing.ts';
import { randomCheckpoint } from './random.ts';
import type { Progress } from './tensorSource.ts';
import { golden, goldenSpecs, MemoryStore, sameBytes, specsOf, temporaryFolder } from './testing.ts';

async function loadGolden(folder: string): Promise<MemoryStore> {
  await using checkpoint = await Checkpoint.open(folder);
  const store = new MemoryStore(goldenSpecs);
  await loadParameters(checkpoint, goldenSpecs, store, { mode: 'inference' });
  return store;
}

describe('converting', () => {
  it('packs to the same model that quantising while loading gives', async () => {
    const target = join(await temporaryFolder(), 'packed');
    const seen: Progress[] = [];
    await convertCheckpoint(golden, target, { to: 'packed', onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)!.loaded).toBe(seen.at(-1)!.total);
    await using checkpoint = await Checkpoint.open(target);
    expect(checkpoint.tensor('lm_head.weight')).toMatchObject({ dtype: 'U8', shape: [24, 64] });
    expect(checkpoint.tensor('model.embeddings.weight').dtype).toBe('F32');
    const [direct, converted] = [await loadGolden(golden), await loadGolden(target)];
    for (const name of direct.dtypes.keys()) expect(converted.bytes(name)).toEqual(direct.bytes(name));
  });

  it('expands to floats that are the same model again', async () => {
    const parent = await temporaryFolder();
    const [packed, floats] = [join(parent, 'packed'), join(parent, 'floats')];
    await convertCheckpoint(golden, packed, { to: 'packed' });
    await convertCheckpoint(packed, floats, { to: 'f32' });
    await using checkpoint = await Checkpoint.open(floats);
    expect(checkpoint.tensor('lm_head.weight')).toMatchObject({ dtype: 'F32', shape: [96, 64] });
    expect(checkpoint.tensors.size).toBe(35);
    const [direct, converted] = [await loadGolden(golden), await loadGolden(floats)];
    for (const [name, dtype] of direct.dtypes) {
      if (!name.endsWith('.weight_scale')) expect(converted.bytes(name)).toEqual(direct.bytes(name));
      else expect(converted.floats(name)[0]! / direct.floats(name)[0]!).toBeCloseTo(1, 6);
      expect(converted.dtypes.get(name)).toBe(dtype);
    }
  });

  it('is exact from f32 to f32, and from bf16 to f32 and back', async () => {
    const parent = await temporaryFolder();
    const at = (name: string) => join(parent, name);
    const weights = (name: string) => join(parent, name, 'model.safetensors');
    await convertCheckpoint(golden, at('f32'), { to: 'f32' });
    expect(await sameBytes(weights('f32'), join(golden, 'model.safetensors'))).toBe(true);
    for (const half of ['f16', 'bf16'] as const) {
      await convertCheckpoint(golden, at(half), { to: half });
      await convertCheckpoint(at(half), at('wide'), { to: 'f32', shardBytes: 100_000 });
      await convertCheckpoint(at('wide'), at('again'), { to: half });
      expect(await sameBytes(weights(half), weights('again'))).toBe(true);
      expect((await readStoredConfig(at('again'))).fields.torch_dtype).toBe(
        { f16: 'float16', bf16: 'bfloat16' }[half],
      );
    }
  });

  it('stores the embedding as int8 rows, within half a code, and goes back to floats', async () => {
    const parent = await temporaryFolder();
    const at = (name: string) => join(parent, name);
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    await convertCheckpoint(golden, at('int8'), { to: 'packed', embedding: 'int8', onProgress });
    expect(seen.at(-1)!.loaded).toBe(seen.at(-1)!.total);
    await using checkpoint = await Checkpoint.open(at('int8'));
    expect(checkpoint.tensor('model.embeddings.weight')).toMatchObject({ dtype: 'I8', shape: [96, 64] });
    expect(checkpoint.tensor('model.embeddings.weight_scale')).toMatchObject({ dtype: 'F32', shape: [96] });
    const [exact, int8] = [await loadGolden(golden), await loadGolden(at('int8'))];
    expect(int8.dtypes.get('model.embeddings.weight')).toBe('i8');
    const [table, codes, scales] = [
      exact.floats('model.embeddings.weight'),
      new Int8Array(int8.bytes('model.embeddings.weight').buffer),
      int8.floats('model.embeddings.weight_scale'),
    ];
    table.forEach((x, k) => {
      const scale = scales[Math.floor(k / 64)]!;
      expect(Math.abs(codes[k]! * scale - x)).toBeLessThanOrEqual(0.501 * scale);
    });

    await convertCheckpoint(at('int8'), at('again'), { to: 'packed' });
    const again = await loadGolden(at('again'));
    for (const [name, dtype] of int8.dtypes) {
      expect(again.dtypes.get(name)).toBe(dtype);
      expect(again.bytes(name)).toEqual(int8.bytes(name));
    }
    await convertCheckpoint(at('int8'), at('f16'), { to: 'f16' });
    await convertCheckpoint(at('int8'), at('f32'), { to: 'f32' });
    const [f16, f32] = [await loadGolden(at('f16')), await loadGolden(at('f32'))];
    expect(f16.dtypes.get('model.embeddings.weight')).toBe('f16');
    f32.floats('model.embeddings.weight').forEach((x, k) => {
      expect(x).toBe(Math.fround(codes[k]! * scales[Math.floor(k / 64)]!));
    });
    // Training begins with the same floats.
    const training = new MemoryStore(goldenSpecs);
    await loadParameters(checkpoint, goldenSpecs, training, { mode: 'training' });
    expect(training.floats('model.embeddings.weight')).toEqual(f32.floats('model.embeddings.weight'));
    await expect(convertCheckpoint(golden, at('x'), { to: 'f16', embedding: 'int8' })).rejects.toThrow(
      'embedding: found int8 with f16, expected it with packed',
    );
  });

  it('copies tokenizer files and keeps config fields, also in place', async () => {
    const parent = await temporaryFolder();
    const [source, target] = [join(parent, 'source'), join(parent, 'target')];
    await convertCheckpoint(golden, source, { to: 'f32' });
    await copyFile(join(golden, 'meta.json'), join(source, 'tokenizer.json'));
    await writeFile(join(source, 'README.md'), 'not copied');
    await convertCheckpoint(source, target, { to: 'packed' });
    await convertCheckpoint(target, target, { to: 'bf16' });
    expect(await sameBytes(join(golden, 'meta.json'), join(target, 'tokenizer.json'))).toBe(true);
    expect((await readStoredConfig(target)).fields.id2label).toEqual({ '0': 'LABEL_0', '1': 'LABEL_1' });
    await expect(readFile(join(target, 'README.md'))).rejects.toThrow('ENOENT');
  });

  it('stops when aborted and leaves no target', async () => {
    const target = join(await temporaryFolder(), 'x');
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { to: 'packed', onProgress, signal: controller.signal } as const;
    await expect(convertCheckpoint(golden, target, options)).rejects.toThrow('enough');
    await expect(Checkpoint.open(target)).rejects.toThrow('not found');
  });
});

describe('random checkpoints', () => {
  const config = { ...namedConfig('tiny', { vocabSize: 97 }), layers: 2 };
  const sizes = { vocab: 97, hidden: 128, inner: config.intermediateSize, layers: 2 };
  const specs = specsOf(sizes);

  it('are the same for a seed and differ between seeds', async () => {
    const parent = await temporaryFolder();
    for (const [name, seed] of [
      ['a', 7],
      ['b', 7],
      ['c', 8],
    ] as const) {
      await randomCheckpoint(join(parent, name), config, specs, { seed });
    }
    const weights = (name: string) => join(parent, name, 'model.safetensors');
    expect(await sameBytes(weights('a'), weights('b'))).toBe(true);
    expect(await sameBytes(weights('a'), weights('c'))).toBe(false);
  });

  it('load, with the statistics of a fresh model', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await randomCheckpoint(folder, config, specs, { seed: 1 });
    await using checkpoint = await Checkpoint.open(folder);
    expect(checkpoint.config).toEqual(config);
    const store = new MemoryStore(specs);
    await loadParameters(checkpoint, specs, store, { mode: 'inference' });
    const values = unpackTernary(store.bytes('model.layers.0.mlp.gate_proj.weight'), 2 * sizes.inner, 128);
    const share = (value: number) => values.filter((x) => x === value).length / values.length;
    expect(share(0)).toBeCloseTo(0.31, 2);
    expect(share(1)).toBeCloseTo(0.345, 2);
    expect(store.floats('lm_head.weight_scale')[0]).toBeCloseTo(0.016, 3);
    expect([...new Set(store.floats('model.norm.weight'))]).toEqual([1]);
    const bounds = store.floats('model.lower_bounds');
    expect(bounds.reduce((sum, x) => sum + x * x, 0) / bounds.length).toBeGreaterThan(0.5);
    expect(store.dtypes.get('model.embeddings.weight')).toBe('f16');
  });
});
