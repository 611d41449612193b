import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LanguageModel } from '../index.ts';
import { bundledFolder, modelsFolder } from './bundledModels.ts';
import { verifyChecksums, writeChecksums } from './checksums.ts';
import { temporaryFolder } from './testing.ts';

describe.each(['stories', 'chat'])('the bundled model %s', (name) => {
  async function copied(): Promise<{ models: string; folder: string }> {
    const models = await temporaryFolder();
    const folder = join(models, name);
    await cp(join(modelsFolder, name), folder, { recursive: true });
    return { models, folder };
  }

  it('is what its list of hashes says', async () => {
    await bundledFolder(`plusminus/${name}`);
  });

  it('is refused if a bit of any file differs, or a file is cut off, missing or added', async () => {
    const { models, folder } = await copied();
    const open = () => bundledFolder(`plusminus/${name}`, models);
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const path = join(folder, file);
      const bytes = await readFile(path);
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << (at % 8);
        await writeFile(path, changed);
        await expect(open()).rejects.toThrow(`${file}: found SHA-256 `);
      }
      await writeFile(path, bytes);
      await truncate(path, bytes.length - 1);
      await expect(open()).rejects.toThrow(`${file}: found SHA-256 `);
      await rm(path);
      await expect(open()).rejects.toThrow(new RegExp(`${file}|its files are not in`));
      await writeFile(path, bytes);
      await open();
    }
    await writeFile(join(folder, 'generation_config.json'), '{}');
    await expect(open()).rejects.toThrow('generation_config.json: found SHA-256');
    await writeChecksums(folder);
    await open();
    await rm(join(folder, 'SHA256SUMS'));
    await expect(open()).rejects.toThrow('SHA256SUMS: found no list of hashes; run "npm install');
  });
});

it('folders elsewhere need no list', async () => {
  const folder = await temporaryFolder();
  await cp(join(modelsFolder, 'stories'), folder, { recursive: true });
  await rm(join(folder, 'SHA256SUMS'));
  await expect(verifyChecksums(folder, 'try again')).rejects.toThrow('try again');
  await (await LanguageModel.load(folder, { threads: 0 })).dispose();
});
