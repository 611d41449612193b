/** A model as it ships, its embedding as int8 rows, is the model of the floats that the rows stand for. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { temporaryFolder } from '../src/checkpoint/testing.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';
import { describeOnGpu } from './engines.ts';
import { expectClose } from './opSuite.ts';
import { golden } from './smallModel.ts';

const tokens = [3, 1, 4, 1, 5, 92, 65, 35, 0];

async function logitsOf(folder: string, engine: 'cpu' | 'webgpu'): Promise<Float32Array> {
  await using model = await LanguageModel.load(folder, { engine });
  return (await model.forward(tokens)).logits;
}

/** BitNet's sizes in small, with a head that is the embedding too; as int8 rows, and as their floats. */
async function tied() {
  const folder = await temporaryFolder();
  const [int8, floats] = [join(folder, 'int8'), join(folder, 'floats')];
  const sizes = { layers: 1, hiddenSize: 44, intermediateSize: 48, vocabSize: 203 };
  const config = { ...namedConfig('tiny', { ...sizes, architecture: 'bitnet' }), tieWordEmbeddings: true };
  const specs = architectureOf(config).parameters();
  await randomCheckpoint(int8, config, specs, { seed: 3, embedding: 'int8' });
  await convertCheckpoint(int8, floats, { to: 'packed', embedding: 'f32' });
  return { int8, floats };
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

  it('is a head too, with the bits of its floats', async () => {
    const { int8, floats } = await tied();
    const found = await logitsOf(int8, 'cpu');
    expect(found).toEqual(await logitsOf(floats, 'cpu'));
    expect(Math.hypot(...found)).toBeGreaterThan(0);
    await using checkpoint = await Checkpoint.open(int8);
    expect(checkpoint.tensor('model.embed_tokens.weight').dtype).toBe('I8');
  });
});

describeOnGpu('an int8 embedding on webgpu', () => {
  it('gives the same logits as its floats, bit for bit', async () => {
    const { int8, floats } = await shipped();
    expect(await logitsOf(int8, 'webgpu')).toEqual(await logitsOf(floats, 'webgpu'));
  });

  it('is a head too, near what its floats give', async () => {
    const { int8, floats } = await tied();
    // A device may fuse the products of a dot product in either order; the last bits differ then.
    expectClose('logits', await logitsOf(int8, 'webgpu'), await logitsOf(floats, 'webgpu'), 1e-5);
  });
});
