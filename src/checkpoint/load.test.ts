import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { Checkpoint } from './checkpoint.ts';
import { f32ToBf16, f32ToF16 } from './floats.ts';
import { loadParameters } from './load.ts';
import { packTernary, unpackTernary } from './packing.ts';
import type { Progress } from './tensorSource.ts';
import { entry, golden, goldenSpecs, MemoryStore, memorySource } from './testing.ts';
import type { TensorEntry } from './writeSafetensors.ts';

const specs: ParameterSpec[] = [
  { name: 'table.weight', shape: [3, 2], role: 'embedding', init: { normal: 1 } },
  { name: 'proj.weight', shape: [5, 2], role: 'ternary', init: { normal: 1 } },
  { name: 'norm.weight', shape: [2], role: 'vector', init: { constant: 1 } },
];
const values = Int8Array.of(1, 0, -1, 1, 0, 0, 1, 1, -1, 0);
const table = entry(
  'table.weight',
  'F16',
  [3, 2],
  f32ToF16(Float32Array.of(1, 2, 3, 4, 5, 6), new Uint16Array(6)),
);
const norm = entry('norm.weight', 'BF16', [2], f32ToBf16(Float32Array.of(0.5, 2), new Uint16Array(2)));
const packed = entry('proj.weight', 'U8', [2, 2], packTernary(values, 5, 2));
const scale = entry('proj.weight_scale', 'F32', [1], Float32Array.of(0.25));
const small = [table, packed, scale, norm];

async function load(tensors: readonly TensorEntry[], mode: 'inference' | 'training') {
  const store = new MemoryStore(specs);
  await loadParameters(memorySource(tensors), specs, store, { mode });
  return store;
}

describe('a float checkpoint', () => {
  it('loads for training bit for bit', async () => {
    await using checkpoint = await Checkpoint.open(golden);
    const store = new MemoryStore(goldenSpecs);
    await loadParameters(checkpoint, goldenSpecs, store, { mode: 'training' });
    for (const { name } of goldenSpecs) {
      const stored = new Uint8Array(checkpoint.tensor(name).byteLength);
      await checkpoint.readInto(name, stored);
      expect(store.dtypes.get(name)).toBe('f32');
      expect(Buffer.from(stored).equals(store.bytes(name))).toBe(true);
    }
  });

  it('loads for inference quantised, and reports every byte', async () => {
    await using checkpoint = await Checkpoint.open(golden);
    const store = new MemoryStore(goldenSpecs);
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    await loadParameters(checkpoint, goldenSpecs, store, { mode: 'inference', onProgress });
    expect(seen.at(-1)!.loaded).toBe(seen.at(-1)!.total);

    const name = 'model.layers.1.mlp.gate_proj.weight';
    const raw = new Uint8Array(checkpoint.tensor(name).byteLength);
    await checkpoint.readInto(name, raw);
    const weights = new Float32Array(raw.buffer);
    const t = store.floats('model.layers.1.mlp.gate_proj.weight_scale')[0]!;
    expect(t).toBeCloseTo(weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length, 6);
    const expected = weights.map((w) => (Math.abs(w) > t / 2 ? Math.sign(w) : 0));
    expect([...unpackTernary(store.bytes(name), 512, 64)]).toEqual([...expected]);
    expect(store.dtypes.get(name)).toBe('ternary');
    expect(store.dtypes.get('model.embeddings.weight')).toBe('f32');
  });
});

describe('a packed checkpoint', () => {
  it('loads for inference as it is stored', async () => {
    const store = await load(small, 'inference');
    expect([...store.dtypes]).toEqual([
      ['table.weight', 'f16'],
      ['proj.weight', 'ternary'],
      ['proj.weight_scale', 'f32'],
      ['norm.weight', 'f32'],
    ]);
    expect(unpackTernary(store.bytes('proj.weight'), 5, 2)).toEqual(values);
    expect([...store.floats('proj.weight_scale')]).toEqual([0.25]);
    expect([...store.floats('norm.weight')]).toEqual([0.5, 2]);
    expect(store.bytes('table.weight')).toHaveLength(12);
  });

  it('loads for training as floats that quantise to the same', async () => {
    const store = await load(small, 'training');
    const magnitude = 0.25 / 0.6; // 6 of 10 weights are not zero
    expect([...store.floats('proj.weight')]).toEqual([...values].map((w) => Math.fround(w * magnitude) || 0));
    expect([...store.floats('table.weight')]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(store.dtypes.has('proj.weight_scale')).toBe(false);
  });

  it('takes a scale in bf16 and of shape []', async () => {
    const bf16 = entry('proj.weight_scale', 'BF16', [], Uint16Array.of(0x3e80));
    const store = await load([table, packed, bf16, norm], 'inference');
    expect([...store.floats('proj.weight_scale')]).toEqual([0.25]);
  });
});

describe('refusals', () => {
  const without = (...names: string[]) => small.filter(({ name }) => !names.includes(name));
  const cases: [string, TensorEntry[], RegExp][] = [
    [
      'missing tensors',
      without('norm.weight', 'table.weight'),
      /lacks 2 tensors: "table.weight", "norm.weight"/,
    ],
    ['a missing scale', without('proj.weight_scale'), /lacks tensor "proj.weight_scale"/],
    ['extra tensors', [...small, { ...norm, name: 'bias' }], /has tensor "bias", unknown to/],
    [
      'a scale beside floats',
      [table, { ...packed, dtype: 'F32' }, scale, norm],
      /has tensor "proj.weight_scale"/,
    ],
    [
      'another shape',
      [...without('norm.weight'), { ...norm, shape: [1, 2] }],
      /"norm.weight": found BF16 of shape \[1,2\], expected shape \[2\]/,
    ],
    [
      'another packed shape',
      [...without('proj.weight'), { ...packed, shape: [4, 1] }],
      /found U8 of shape \[4,1\], expected shape \[2,2\]/,
    ],
    [
      'another type',
      [...without('norm.weight'), { ...norm, dtype: 'I16' }],
      /found type I16, expected F32, F16 or BF16/,
    ],
    [
      'NaN in a vector',
      [...without('norm.weight'), entry('norm.weight', 'F32', [2], Float32Array.of(1, Number.NaN))],
      /"norm.weight": element 1 is NaN or infinite/,
    ],
    [
      'infinity in an embedding',
      [
        ...without('table.weight'),
        entry('table.weight', 'F16', [3, 2], Uint16Array.of(0, 0, 0, 0x7c00, 0, 0)),
      ],
      /"table.weight": element 3 is NaN or infinite/,
    ],
    [
      'code 3',
      [...without('proj.weight'), entry('proj.weight', 'U8', [2, 2], Uint8Array.of(0, 3, 0, 0))],
      /"proj.weight": packed byte 1: found code 3/,
    ],
    [
      'a scale of zero',
      [...without('proj.weight_scale'), entry('proj.weight_scale', 'F32', [1], Float32Array.of(0))],
      /weight_scale": found 0, expected a finite scale above 0/,
    ],
    [
      'two scales',
      [...without('proj.weight_scale'), entry('proj.weight_scale', 'F32', [2], Float32Array.of(1, 1))],
      /found shape \[2\], expected \[1\]/,
    ],
  ];
  it.each(cases)('names %s', async (_, tensors, message) => {
    const loading = load(tensors, 'inference');
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toBeInstanceOf(InputError);
  });

  it('names NaN weights with their place', async () => {
    const weights = Float32Array.from(values);
    weights[7] = Number.NaN;
    const tensors = [
      ...without('proj.weight', 'proj.weight_scale'),
      entry('proj.weight', 'F32', [5, 2], weights),
    ];
    await expect(load(tensors, 'inference')).rejects.toThrow(
      'memory: tensor "proj.weight": weight [3, 1]: found NaN',
    );
    await expect(load(tensors, 'training')).rejects.toThrow('element 7 is NaN');
  });

  it('ignores tables that follow from the config', async () => {
    await load([...small, { ...norm, name: 'model.layers.0.rotary_emb.inv_freq' }], 'inference');
  });

  it('stops when it is aborted, before and between reads', async () => {
    const controller = new AbortController();
    const store = new MemoryStore(specs);
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { mode: 'inference', onProgress, signal: controller.signal } as const;
    await expect(loadParameters(memorySource(small), specs, store, options)).rejects.toThrow('enough');
    await expect(loadParameters(memorySource(small), specs, store, options)).rejects.toThrow('enough');
  });
});
