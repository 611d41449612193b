/** The packages as a user gets them: packed, installed into an empty project, and run there. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let project: string;

async function run(command: string, args: readonly string[], cwd = project): Promise<string> {
  return (await promisify(execFile)(command, args, { cwd })).stdout;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'plusminus-package-'));
  await writeFile(join(project, 'package.json'), '{ "name": "user", "type": "module", "private": true }');
  await run('npm', ['pack', '--silent', '--pack-destination', project], root);
  await run('npm', ['pack', '--silent', '--pack-destination', project, './models'], root);
  const tarballs = (await readdir(project)).filter((name) => name.endsWith('.tgz'));
  await run('npm', ['install', '--no-audit', '--no-fund', ...tarballs.map((name) => `./${name}`)]);
});
afterAll(() => rm(project, { recursive: true, force: true }));

test('the library takes at most 3 MB', async () => {
  const name = (await readdir(project)).find((file) => /^plusminus-\d.*\.tgz$/.test(file))!;
  expect((await stat(join(project, name))).size).toBeLessThan(3e6);
});

test('a plain install brings at most 12 packages', async () => {
  const lock = JSON.parse(await readFile(join(project, 'node_modules/.package-lock.json'), 'utf8'));
  const installed = Object.keys(lock.packages).filter((path) => !path.endsWith('@plusminus/models'));
  expect(installed.length, installed.join(', ')).toBeLessThanOrEqual(12);
});

test('the command that installs a missing optional package is named', async () => {
  const bin = join(project, 'node_modules/.bin/plusminus');
  const { stderr } = await run(bin, ['serve']).catch((error) => error);
  expect(stderr).toContain('run "npm install hono @hono/node-server pino prom-client lru-cache"');
});

const generate =
  "await using model = await LanguageModel.load('plusminus/stories'); let text = ''; " +
  "for await (const piece of model.generate('Once', { maxTokens: 8, seed: 7 })) text += piece; console.log(text);";

test('import: loads a bundled model on threads and generates', async () => {
  await writeFile(join(project, 'use.js'), `import { LanguageModel } from 'plusminus'; ${generate}`);
  expect((await run(process.execPath, ['use.js'])).trim()).not.toBe('');
});

test('require offers the same library', async () => {
  await writeFile(
    join(project, 'use.cjs'),
    "console.log(typeof require('plusminus').LanguageModel.load, require('plusminus/package.json').version);",
  );
  expect(await run(process.execPath, ['use.cjs'])).toMatch(/^function \d/);
});

test('the command runs', async () => {
  const bin = join(project, 'node_modules/.bin/plusminus');
  expect((await run(bin, ['generate', 'Once', '--max-tokens', '8'])).trim()).not.toBe('');
});

test('its types pass in a strict project', async () => {
  await writeFile(
    join(project, 'use.ts'),
    "import { LanguageModel } from 'plusminus';\n" +
      "export const model: LanguageModel = await LanguageModel.load('x', { threads: 1 });\n" +
      '// @ts-expect-error threads is a number\nawait LanguageModel.load("x", { threads: "2" });\n',
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const lib = ['es2024', 'dom', 'esnext.disposable'];
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: 'es2024',
    module: 'nodenext',
    lib,
    types: [],
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const printed = await run(process.execPath, [tsc]).catch(({ stdout }) => stdout);
  expect(printed).toBe('');
});
