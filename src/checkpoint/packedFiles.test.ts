import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCommand } from '../cli/convert.ts';
import { bytesOf } from '../engine/engine.ts';
import { LanguageModel } from '../languageModel.ts';
import type { MatMulFreeConfig } from '../model/config.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { modelsFolder } from './bundledModels.ts';
import { Checkpoint } from './checkpoint.ts';
import { convertCheckpoint } from './convert.ts';
import { packedFiles } from './packedFiles.ts';
import { temporaryFolder } from './testing.ts';

describe('a model packed in memory', () => {
  it('computes what the same model computes that was packed on the disk', async () => {
    const folder = await temporaryFolder();
    const [random, float, packed] = ['random', 'float', 'packed'].map((name) => join(folder, name));
    await convertCommand()
      .exitOverride()
      .parseAsync(['--random', 'tiny', random!, '--vocabulary', '8192', '--quiet'], { from: 'user' });
    await convertCheckpoint(random!, float!, { to: 'f32' });
    await convertCheckpoint(float!, packed!, { to: 'packed' });
    const source = await Checkpoint.open(float!);
    const tokenizer = await TextTokenizer.load(join(modelsFolder, 'stories'));
    const files = await packedFiles(source.config as MatMulFreeConfig, tokenizer, async (name) => {
      const floats = new Float32Array(source.tensor(name).byteLength / 4);
      await source.readInto(name, bytesOf(floats));
      return floats;
    });
    await source.close();
    expect(files.map(({ name }) => name)).toContain('tokenizer.json');
    await using expected = await LanguageModel.load(packed!, { threads: 0 });
    await using model = await LanguageModel.load(
      Object.fromEntries(files.map(({ name, bytes }) => [name, bytes])),
      { threads: 0 },
    );
    const ids = [1, 5, 300, 8000];
    expect((await model.forward(ids)).logits).toEqual((await expected.forward(ids)).logits);
  });

  it('refuses a weight that is not finite, by the name of its matrix', async () => {
    const tokenizer = await TextTokenizer.load(join(modelsFolder, 'stories'));
    const { config } = await Checkpoint.open(join(modelsFolder, 'stories'));
    const read = async () => new Float32Array(512 * 8192).fill(Number.NaN);
    await expect(packedFiles(config as MatMulFreeConfig, tokenizer, read)).rejects.toThrow(/weight.*NaN/s);
  });
});
