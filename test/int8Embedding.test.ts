/** A model as it ships, its embedding as int8 rows, is the model of the floats that the rows stand for. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { temporaryFolder } from '../src/checkpoint/testing.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { describeOnGpu } from './engines.ts';
import { golden } from './smallModel.ts';

const tokens = [3, 1, 4, 1, 5, 92, 65, 35, 0];

async function logitsOf(folder: string, engine: 'cpu' | 'webgpu'): Promise<Float32Array> {
  await using model = await LanguageModel.load(folder, { engine });
  return (await model.forward(tokens)).logits;
}

async function shipped() {
  const folder = await temporaryFolder();
  const [int8, floats] = [join(folder, 'int8'), join(folder, 'floats')];
  await convertCheckpoint(golden, int8, { to: 'packed', embedding: 'int8' });
  await convertCheckpoint(int8, floats, { to: 'packed', embedding: 'f32' });
  return { int8, floats };
}

describe('an int8 embedding', () => {
  it('gives the same logits as its floats, bit for bit, near those of the original', async () => {
    const { int8, floats } = await shipped();
    const found = await logitsOf(int8, 'cpu');
    expect(found).toEqual(await logitsOf(floats, 'cpu'));
    const original = await logitsOf(golden, 'cpu');
    const rms = (values: Float32Array) => Math.hypot(...values) / Math.sqrt(values.length);
    expect(rms(found.map((x, k) => x - original[k]!))).toBeLessThan(0.1 * rms(original));
    expect(found).not.toEqual(original);
  });
});

describeOnGpu('an int8 embedding on webgpu', () => {
  it('gives the same logits as its floats, bit for bit', async () => {
    const { int8, floats } = await shipped();
    expect(await logitsOf(int8, 'webgpu')).toEqual(await logitsOf(floats, 'webgpu'));
  });
});
