/** Installing a clone: what is installed is known, and `npm ci --omit=dev` says what it lacks. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../src/checkpoint/testing.ts';

const script = fileURLToPath(new URL('../scripts/prepare.js', import.meta.url));

it('without AssemblyScript, preparing a clone says whether it can compute, and what to do', async () => {
  const clone = await temporaryFolder();
  for (const folder of ['scripts', 'build']) await mkdir(join(clone, folder));
  await writeFile(join(clone, 'package.json'), '{ "type": "module" }');
  const copy = join(clone, 'scripts/prepare.js');
  await copyFile(script, copy);
  const prepare = async () => (await promisify(execFile)(process.execPath, [copy])).stdout;
  expect(await prepare()).toMatch(/cannot compute yet.*run "npm ci" without --omit=dev/);
  await writeFile(join(clone, 'build/kernels.wasm'), '');
  expect(await prepare()).toMatch(/the kernels in build\/ stay as they are/);
});

it('every package of the lock file has a hash, and no address', async () => {
  const lock = await readFile(fileURLToPath(new URL('../package-lock.json', import.meta.url)), 'utf8');
  const packages: Record<string, { integrity?: string; resolved?: string; link?: true }> =
    JSON.parse(lock).packages;
  const installed = Object.entries(packages).filter(
    ([path, { link }]) => path.startsWith('node_modules/') && !link,
  );
  expect(installed.length).toBeGreaterThan(100);
  for (const [path, { integrity, resolved }] of installed) {
    expect(integrity, path).toMatch(/^sha512-/);
    expect(resolved, path).toBeUndefined();
  }
});
