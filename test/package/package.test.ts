/** The packages as a user of Node gets them. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { documented } from './documented.ts';
import { program, typeScript, userProject } from './project.ts';

const project = userProject();
const node = (...args: string[]) => project.run(process.execPath, ...args);

test('the library takes at most 3 MB', async () => {
  expect((await stat(inject('tarballs')[0]!)).size).toBeLessThan(3e6);
});

test('a plain install brings at most 12 packages', async () => {
  const lock = JSON.parse(
    await readFile(join(project.folder, 'node_modules/.package-lock.json'), 'utf8'),
  ) as { packages: object };
  const installed = Object.keys(lock.packages).filter((path) => !path.endsWith('@plusminus/models'));
  expect(installed.length, installed.join(', ')).toBeLessThanOrEqual(12);
});

test('import loads no more than it needs', async () => {
  await project.write(
    'weigh.js',
    `const before = [process.cpuUsage(), process.memoryUsage.rss()];
    await import('plusminus');
    const { user, system } = process.cpuUsage(before[0]);
    console.log((process.memoryUsage.rss() - before[1]) / 1e6, (user + system) / 1e3);`,
  );
  const [megabytes] = (await node('weigh.js')).split(' ').map(Number);
  expect(megabytes).toBeLessThan(40); // 25 to 30; time is measured, not asserted
});

test('import: loads a bundled model on threads and generates', async () => {
  await project.write('use.js', program());
  expect(await node('use.js')).not.toBe('');
});

test('require offers the same library', async () => {
  await project.write(
    'use.cjs',
    "console.log(typeof require('plusminus').LanguageModel.load, require('plusminus/package.json').version);",
  );
  expect(await node('use.cjs')).toMatch(/^function \d/);
});

test('the subpaths load without the optional packages, and name the command that installs them', async () => {
  await project.write(
    'subpaths.js',
    `import { compileModel } from 'plusminus/accelerator';
    import { plusminus } from 'plusminus/ai';
    import { evaluateTask } from 'plusminus/evaluate';
    import { serve } from 'plusminus/serve';
    import { train } from 'plusminus/train';
    await serve().catch(({ code, message }) => console.log(code, message));`,
  );
  expect(await node('subpaths.js')).toMatch(
    /^missing-package the HTTP server: the package ".+" is not installed; run "npm install hono @hono\/node-server pino prom-client lru-cache"$/,
  );
  const { stderr } = await project.bin('plusminus', 'serve').catch((error) => error);
  expect(stderr).toContain('run "npm install hono @hono/node-server pino prom-client lru-cache"');
});

test('the command runs', async () => {
  expect(await project.bin('plusminus', 'generate', 'Once', '--max-tokens', '8')).not.toBe('');
});

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('its types pass in a strict project: %s, %s', async (module, moduleResolution) => {
  await project.write(
    'use.ts',
    `import { type Completion, LanguageModel } from 'plusminus';
    import { compileModel } from 'plusminus/accelerator';
    import { plusminus } from 'plusminus/ai';
    import { evaluateTask } from 'plusminus/evaluate';
    import { serve } from 'plusminus/serve';
    import { train } from 'plusminus/train';
    export const model: LanguageModel = await LanguageModel.load('x', { threads: 1 });
    export const done: Completion = await model.chat({ system: 'Be brief.' }).send('Hello');
    export const all = [compileModel, plusminus(model), evaluateTask, serve, train];
    // @ts-expect-error threads is a number
    await LanguageModel.load('x', { threads: '2' });
    `,
  );
  const { compilerOptions } = JSON.parse(documented('tsconfig.json'));
  await project.write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions: { ...compilerOptions, module, moduleResolution }, files: ['use.ts'] }),
  );
  expect(await node(typeScript).catch(({ stdout }) => stdout)).toBe('');
});
