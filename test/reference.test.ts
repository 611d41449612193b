/** Every exported name of the package has a docstring, from which `npm run docs:api` writes the reference. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../src/checkpoint/testing.ts';

const repository = join(import.meta.dirname, '..');
const typedoc = join(repository, 'node_modules/typedoc/bin/typedoc');
const options = join(repository, 'typedoc.json');

/** Checks the docstrings that a file of options names; what is missing, or wrong. */
async function problems(options: string): Promise<string> {
  const ended = promisify(execFile)(process.execPath, [typedoc, '--options', options, '--emit', 'none']);
  return ended.then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
}

it('has a docstring for every class, function, type, constant and method', { timeout: 120_000 }, async () => {
  expect(await problems(options)).toBe('');
});

it('reports the one that is missing', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder();
  const files = {
    'names.ts': '/** Is documented. */\nexport const one = 1;\n\nexport const other = 2;\n',
    'tsconfig.json': JSON.stringify({ compilerOptions: { types: [] }, files: ['names.ts'] }),
    'typedoc.json': JSON.stringify({
      extends: [options],
      entryPoints: ['names.ts'],
      tsconfig: 'tsconfig.json',
    }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const found = await problems(join(folder, 'typedoc.json'));
  expect(found).toMatch(/other.*does not have any documentation/);
  expect(found).not.toMatch(/\bone\b.*does not have any documentation/);
});
