import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundledFolder, findModels, isBundled, isBundledName } from './bundledModels.ts';
import { writeChecksums } from './checksums.ts';
import { findModelFolder } from './modelSource.ts';
import { temporaryFolder } from './testing.ts';

describe('bundled models', () => {
  it('are found by name in the folder of the package', async () => {
    const models = await temporaryFolder();
    await mkdir(join(models, 'stories'));
    expect(await isBundled('plusminus/stories', models)).toBe(false);
    await expect(bundledFolder('plusminus/stories', models)).rejects.toThrow(
      /^plusminus\/stories: its files are not in .*stories; .* recipes\/stories, or name another model folder$/,
    );
    await writeFile(join(models, 'stories', 'config.json'), '{}');
    await writeChecksums(join(models, 'stories'));
    expect(await isBundled('plusminus/stories', models)).toBe(true);
    expect(await isBundled('plusminus/chat', models)).toBe(false);
    expect(await bundledFolder('plusminus/stories', models)).toBe(join(models, 'stories'));
  });

  it('are found in the package @plusminus/models of a project', async () => {
    const project = await temporaryFolder();
    const installed = join(project, 'node_modules/plusminus/lib/checkpoint');
    await mkdir(installed, { recursive: true });
    expect(findModels(installed, project)).toBe(join(project, 'node_modules/plusminus/models'));
    const models = join(project, 'node_modules/@plusminus/models');
    await mkdir(models, { recursive: true });
    await writeFile(join(models, 'package.json'), '{}');
    expect(findModels(installed, project)).toBe(models);
    // A project's own folder of that name, where a clone would have the models.
    const own = join(project, 'node_modules/plusminus/models');
    await mkdir(own);
    expect(findModels(installed, project)).toBe(models);
    await mkdir(join(own, 'stories'));
    await writeFile(join(own, 'stories', 'config.json'), '{}');
    expect(findModels(installed, project)).toBe(own);
  });

  it('are two, and their names are never looked up elsewhere', async () => {
    expect(isBundledName('plusminus/other')).toBe(true);
    expect(isBundledName('ridger/MMfreeLM-370M')).toBe(false);
    await expect(findModelFolder('plusminus/other')).rejects.toThrow(
      'model: found "plusminus/other", expected plusminus/stories or plusminus/chat',
    );
    await expect(bundledFolder('plusminus/../stories')).rejects.toThrow('expected plusminus/stories or');
  });
});
