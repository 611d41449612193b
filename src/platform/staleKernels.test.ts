import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hashOf, refuseStaleKernels, sourcesFile } from './staleKernels.ts';

let folder: string;
let kernels: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stale-kernels-'));
  await mkdir(join(folder, 'build'));
  kernels = join(folder, 'build', 'kernels.wasm');
  await writeFile(kernels, '');
  await writeFile(join(folder, 'one.as.ts'), 'as it was');
  const sources = { '../one.as.ts': hashOf(Buffer.from('as it was')) };
  await writeFile(join(folder, 'build', sourcesFile), JSON.stringify(sources));
});
afterEach(() => rm(folder, { recursive: true }));

const check = () =>
  refuseStaleKernels({
    file: pathToFileURL(kernels),
    sources: pathToFileURL(join(folder, 'build', sourcesFile)),
    command: 'npm run build',
  });

it('accepts sources that are as they were, touched or not, and kernels without sources', async () => {
  check();
  const later = Date.now() / 1000 + 60;
  await utimes(join(folder, 'one.as.ts'), later, later);
  check();
  await rm(join(folder, 'one.as.ts'));
  check();
});

it('names a source that has changed since, and what to do', async () => {
  await writeFile(join(folder, 'one.as.ts'), 'as it is');
  const later = Date.now() / 1000 + 60;
  await utimes(join(folder, 'one.as.ts'), later, later);
  expect(check).toThrow(/one\.as\.ts has changed; run "npm run build"/);
});
