/** The native kernels as a package of their own, beside the library. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { userProject } from './project.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const project = userProject('koffi@3');

/** Builds the package for this machine in a copy of the sources, so that the clone's own library stays. */
async function pack(folder: string): Promise<string> {
  const run = (command: string, ...args: string[]) => promisify(execFile)(command, args, { cwd: folder });
  const sources = ['native', 'scripts', 'src', 'package.json', 'LICENSE'].map((name) => join(root, name));
  await run('cp', '-r', ...sources, folder);
  await run(process.execPath, 'scripts/buildNative.ts', '--package');
  await run('npm', 'pack', '--silent', '--pack-destination', folder, join(folder, 'build/native', platform));
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  return join(folder, tarball!);
}

test.runIf(platform === 'linux-x64')(
  'an installed package of native kernels is used if it has the version',
  async () => {
    await project.write(
      'engine.js',
      `import { LanguageModel } from 'plusminus';
    const model = await LanguageModel.load('plusminus/stories', { threads: 2 });
    const { text } = await model.complete('Once upon a time', { maxTokens: 8, seed: 7 });
    console.log(model.engine.includes('native'), text);
    await model.dispose();`,
    );
    const without = await project.run(process.execPath, 'engine.js');
    expect(without).toMatch(/^false ./);
    const folder = await mkdtemp(join(tmpdir(), 'plusminus-native-'));
    try {
      await project.run('npm', 'install', '--no-audit', '--no-fund', await pack(folder));
    } finally {
      await rm(folder, { recursive: true });
    }
    expect(await project.run(process.execPath, 'engine.js')).toBe(without.replace('false', 'true'));
    const manifest = await readFile(join(project.folder, 'node_modules/plusminus/package.json'), 'utf8');
    await project.write(
      'node_modules/plusminus/package.json',
      manifest.replace(/"version": ".*?"/, '"version": "0.0.1"'),
    );
    expect(await project.run(process.execPath, 'engine.js')).toBe(without);
  },
);
