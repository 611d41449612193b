/** Before the tests of the package: both tarballs, packed once from the sources, and a project that has them installed. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Paths of the tarballs: the library, then the models. */
    tarballs: readonly string[];
    /** A project where npm has installed both, and nothing else. */
    installed: string;
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-package-'));
  const packed = join(folder, 'tarballs');
  const installed = join(folder, 'installed');
  await Promise.all([packed, installed].map((one) => mkdir(one)));
  const npm = (cwd: string, ...args: string[]) =>
    promisify(execFile)('npm', args, {
      cwd,
      env: { ...process.env, NODE_ENV: 'production' }, // the library for pages is built as for publishing
    });
  for (const from of ['.', './models']) {
    await npm(root, 'pack', '--silent', '--pack-destination', packed, from);
  }
  const names = (await readdir(packed)).sort((a, b) => Number(/models/.test(a)) - Number(/models/.test(b)));
  const tarballs = names.map((name) => join(packed, name));
  await writeFile(join(installed, 'package.json'), '{ "name": "user", "type": "module", "private": true }');
  await npm(installed, 'install', '--no-audit', '--no-fund', ...tarballs);
  project.provide('tarballs', tarballs);
  project.provide('installed', installed);
  return () => rm(folder, { recursive: true });
}
