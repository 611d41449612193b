/** From GGUF to packed folders and back, and from trained models to GGUF: the same weights, so the same logits. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { InputError, LanguageModel } from '../../index.ts';
import { architectureOf } from '../../model/architecture.ts';
import { namedConfig } from '../../model/config.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import { Checkpoint } from '../checkpoint.ts';
import { convertCheckpoint } from '../convert.ts';
import { randomCheckpoint } from '../random.ts';
import { golden, temporaryFolder } from '../testing.ts';
import { exportGguf } from './exportGguf.ts';
import { goldenGguf } from './testing.ts';

const prompt = [5, 9, 20, 31, 76, 49];

async function logitsOf(model: string): Promise<Float32Array> {
  const loaded = await LanguageModel.load(model, { engine: 'cpu', threads: 0 });
  try {
    return (await loaded.forward(prompt)).logits;
  } finally {
    await loaded.dispose();
  }
}

const names = [
  ...['bitnet-i2s', 'falcon-i2s', 'trilm-tq1', 'trilm-tq2', 'bonsai-q1', 'bonsai-q2-64'],
  ...['bonsai-q2-128', 'bonsai-pq2'],
];

it.each(names)('%s: packed, and written as GGUF again', async (name) => {
  const folder = await temporaryFolder();
  const expected = await logitsOf(goldenGguf(name));
  const packed = join(folder, 'packed');
  await convertCheckpoint(goldenGguf(name), packed, { to: 'packed' });
  expect(await logitsOf(packed)).toEqual(expected);
  await exportGguf(packed, join(folder, 'again.gguf'));
  const again = await logitsOf(join(folder, 'again.gguf'));
  // A group of 128 is written as two of 64, whose sums are rounded on their own.
  const most = name.endsWith('128') || name.endsWith('pq2') ? 1e-5 : 0;
  expect(Math.max(...again.map((logit, k) => Math.abs(logit - expected[k]!)))).toBeLessThanOrEqual(most);
  const [before, after] = await Promise.all(
    [goldenGguf(name), join(folder, 'again.gguf')].map(TextTokenizer.load),
  );
  expect(after!.encode('12 times 3456')).toEqual(before!.encode('12 times 3456'));
});

it('is written as the floats that its codes stand for', async () => {
  const folder = join(await temporaryFolder(), 'floats');
  await convertCheckpoint(goldenGguf('bonsai-q2-64'), folder, { to: 'f32' });
  await using before = await Checkpoint.open(folder);
  await using after = await Checkpoint.open(goldenGguf('bonsai-q2-64'));
  const name = 'model.layers.0.mlp.down_proj.weight';
  expect(before.tensor(name)).toMatchObject({ dtype: 'F32', shape: [128, 384] });
  expect(after.tensor(name)).toMatchObject({ dtype: 'U8', shape: [128, 96] });
  const floats = new Float32Array(128 * 384);
  await before.readInto(name, new Uint8Array(floats.buffer));
  const group = floats.subarray(0, 64);
  expect(new Set(group.map(Math.abs)).size).toBe(2); // 0 and the scale
});

it.each(['llama-tiny', 'bitnet-tiny'])(
  'golden/%s: floats as they are, rounded matrices as codes',
  async (name) => {
    const target = join(await temporaryFolder(), 'tiny.gguf');
    const folder = join(golden, '..', name);
    if (name === 'bitnet-tiny') {
      // Its matrices have 64 inputs, and I2_S has blocks of 128.
      await expect(exportGguf(folder, target)).rejects.toThrow(
        /found 64 inputs, expected a multiple of 128 for I2_S/,
      );
      return;
    }
    await exportGguf(folder, target);
    expect(await logitsOf(target)).toEqual(await logitsOf(folder));
  },
);

it('a BitNet with a SiLU: codes in TQ2_0, each scale in a tensor of its own', async () => {
  const folder = join(await temporaryFolder(), 'bitnet');
  const sizes = { vocabSize: 150, layers: 1, hiddenSize: 256, intermediateSize: 512 };
  const named = namedConfig('tiny', { architecture: 'bitnet', ...sizes });
  const config = { ...named, activation: 'silu', tieWordEmbeddings: true } as const;
  await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 1 });
  const target = `${folder}.gguf`;
  await exportGguf(folder, target);
  expect(await logitsOf(target)).toEqual(await logitsOf(folder));

  // llama.cpp counts the tensors, and has no place for another head.
  const untied = { ...config, tieWordEmbeddings: false };
  await randomCheckpoint(folder, untied, architectureOf(untied).parameters(), { seed: 1 });
  await expect(exportGguf(folder, target)).rejects.toThrow(/expected tie_word_embeddings true/);
});

it('is refused for models that GGUF has no architecture for, and for other names', async () => {
  const folder = await temporaryFolder();
  await expect(exportGguf(golden, join(folder, 'x.gguf'))).rejects.toThrow(
    /type hgrn_bit, which GGUF has no architecture/,
  );
  await expect(exportGguf(golden, join(folder, 'x'))).rejects.toThrow(InputError);
  await expect(readFile(join(folder, 'x.gguf'))).rejects.toThrow(/ENOENT/);
});
