import { describe, expect, it } from 'vitest';
import { type ParameterSpec, scaleName } from '../model/parameters.ts';
import { unpackCodes, unpackScales } from '../ops/groupedLinear/packed.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { f16ToF32, f32ToF16 } from './floats.ts';
import { codesPerByte, packRowsOfCodes } from './groupedRows.ts';
import { loadParameters } from './load.ts';
import { entry, MemoryStore, memorySource } from './testing.ts';
import type { TensorEntry } from './writeSafetensors.ts';

const types = ['ternary', 'binary', 'u4', 'i8'] as const;
type CodeType = (typeof types)[number];

const [name, rows, columns, group] = ['proj.weight', 37, 64, 32];
const groups = columns / group;
const spec: ParameterSpec = { name, shape: [rows, columns], role: 'matrix', init: { normal: 1 } };

function matrix(type: CodeType) {
  const random = new SeededRandom(1);
  const draw = {
    ternary: () => random.integer(3) - 1,
    binary: () => 2 * random.integer(2) - 1,
    u4: () => random.integer(16),
    i8: () => random.integer(256) - 128,
  };
  const codes = Int8Array.from({ length: rows * columns }, draw[type]);
  const halves = f32ToF16(random.fillNormal(new Float32Array(rows * groups)), new Uint16Array(rows * groups));
  return { codes, halves, scales: f16ToF32(halves, new Float32Array(halves.length)) };
}

function stored(type: CodeType, change: (bytes: Uint8Array) => void = () => {}): TensorEntry[] {
  const { codes, halves } = matrix(type);
  const bytes = packRowsOfCodes(codes, type);
  change(bytes);
  const shape = [rows, columns / codesPerByte[type]];
  return [
    entry(name, type === 'i8' ? 'I8' : 'U8', shape, bytes),
    entry(scaleName(name), 'F16', [rows, groups], halves),
  ];
}

async function load(tensors: readonly TensorEntry[], mode: 'inference' | 'training'): Promise<MemoryStore> {
  const store = new MemoryStore([spec]);
  await loadParameters(memorySource(tensors), [spec], store, { mode });
  return store;
}

describe('codes with a scale for each group of a row', () => {
  it.each(types)('%s: are loaded in the order of the kernels', async (type) => {
    const store = await load(stored(type), 'inference');
    const { codes, scales } = matrix(type);
    expect(store.dtypes.get(name)).toBe(type);
    expect(unpackCodes(type, spec.shape, store.bytes(name))).toEqual(codes);
    const halves = new Uint16Array(store.bytes(scaleName(name)).slice().buffer);
    const inRows = Uint16Array.from(unpackScales(type, [rows, groups], halves));
    expect(f16ToF32(inRows, new Float32Array(inRows.length))).toEqual(scales);
    expect([...store.complete].sort()).toEqual([name, scaleName(name)]);
  });

  it.each(types)('%s: become floats for training', async (type) => {
    const store = await load(stored(type), 'training');
    const { codes, scales } = matrix(type);
    const expected = Float32Array.from(codes, (code, k) => code * scales[Math.floor(k / group)]!);
    expect(store.floats(name)).toEqual(expected);
  });

  it('are refused where they are unsound', async () => {
    const [codes, scales] = stored('ternary') as [TensorEntry, TensorEntry];
    const refused = (tensors: readonly TensorEntry[], message: RegExp) =>
      expect(load(tensors, 'inference')).rejects.toThrow(message);
    await refused(
      stored('ternary', (bytes) => {
        bytes[20] = 0b00001100;
      }),
      /tensor "proj.weight": row 0: byte 20: found code 3, expected codes 0, 1 and 2/,
    );
    await refused(
      [entry(name, 'U8', [rows, 15], new Uint8Array(rows * 15)), scales],
      /found U8 of shape \[37,15\], expected shape \[37,16\]/,
    );
    await refused(
      [codes, entry(scaleName(name), 'F16', [rows, 3], new Uint16Array(rows * 3))],
      /proj.weight_scale": found shape \[37,3\], expected \[37, 64 \/ group\], a group being 16, 32, 64, 128, 256/,
    );
    await refused(
      [codes, entry(scaleName(name), 'BF16', [rows, 2], new Uint16Array(rows * 2))],
      /proj.weight_scale": found type BF16, expected F16 or F32/,
    );
    await refused(
      [codes, entry(scaleName(name), 'F32', [rows, 2], new Float32Array(rows * 2).fill(Number.NaN))],
      /proj.weight_scale": element 0: found NaN, expected a finite number/,
    );
  });
});
