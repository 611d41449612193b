/** Before the tests of the package: both tarballs, packed once from the sources. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Paths of the tarballs: the library, then the models. */
    tarballs: readonly string[];
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-tarballs-'));
  const pack = (...from: string[]) =>
    promisify(execFile)('npm', ['pack', '--silent', '--pack-destination', folder, ...from], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'production' }, // the library for pages is built as for publishing
    });
  await pack();
  await pack('./models');
  const names = (await readdir(folder)).sort((a, b) => Number(/models/.test(a)) - Number(/models/.test(b)));
  project.provide(
    'tarballs',
    names.map((name) => join(folder, name)),
  );
  return () => rm(folder, { recursive: true });
}
