/** The packages as a user of Node gets them. */
import { globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { documented } from './documented.ts';
import { generated, program, typeScript, userProject } from './project.ts';

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

test('every package that its files import is a dependency that it names', async () => {
  const folder = join(project.folder, 'node_modules/plusminus');
  const { dependencies, peerDependencies } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  ) as Record<string, object>;
  const files = globSync('lib/**/*.js', { cwd: folder });
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const imported = texts.flatMap((text) =>
    [...text.matchAll(/^(?:import|export)\b[^'"]*['"]((?:@[^/'"]+\/)?[^/'"]+)|\bimport\(['"]([^'"]+)/gm)].map(
      ([, whole, onUse]) => (whole ?? onUse)!,
    ),
  );
  const named = [...Object.keys({ ...dependencies, ...peerDependencies }), ...builtinModules, '#platform'];
  const unknown = imported.filter((name) => !/^[.]|^node:/.test(name) && !named.includes(name));
  expect(imported).toContain('commander');
  expect([...new Set(unknown)]).toEqual([]);
});

test('import takes at most 30 MB, and loads these packages and parts of src/ only', async () => {
  await project.write(
    'weigh.js',
    `import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    const before = process.memoryUsage.rss();
    await import('plusminus');
    console.log(JSON.stringify({ megabytes: (process.memoryUsage.rss() - before) / 1e6, urls }));`,
  );
  const { megabytes, urls } = JSON.parse(await node('weigh.js')) as { megabytes: number; urls: string[] };
  expect(megabytes).toBeLessThan(30); // 22 to 24; results/import.json has the time
  const files = urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url));
  expect(files.length, 'files, which cost more than their length').toBeLessThan(60);
  const packages = files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)![1]!);
  expect([...new Set(packages)].sort()).toEqual(['@huggingface/jinja', 'plusminus', 'valibot']);
  const own = files.filter((file) => file.includes('node_modules/plusminus/'));
  const sources = (await Promise.all(own.map(sourcesOf))).flat();
  const parts = new Set(sources.map((source) => /^(engine\/\w+|\w+)\//.exec(source)?.[1] ?? source));
  expect([...parts].sort()).toEqual([
    ...['checkpoint', 'engine', 'engine/cpu', 'engine/webgpu', 'errors.ts', 'files.ts', 'format.ts'],
    ...[
      'generate',
      'given.ts',
      'json.ts',
      'kernels',
      'languageModel.ts',
      'library',
      'loadModel.ts',
      'model',
      'ops',
    ],
    ...['optionalPackages.ts', 'platform', 'program', 'rounding.ts', 'run', 'text', 'wrongFile.ts'],
  ]);
  const ofGpus = sources.filter((source) => /webgpu|cuda|wgsl/.test(source));
  expect(ofGpus, 'the classes of errors').toEqual(['engine/webgpu/errors.ts']);
});

/** The files of src/ that a file of the package was made from; none where it only passes on what others export. */
async function sourcesOf(file: string): Promise<string[]> {
  if (!(await readFile(file, 'utf8')).includes('sourceMappingURL')) return [];
  const { sources } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { sources: string[] };
  return sources.map((source) => source.replace(/^.*\/src\//, ''));
}

test('import: loads a bundled model on threads and generates', async () => {
  await project.write('use.js', program());
  expect(await node('use.js')).not.toBe('');
});

test('a worker thread of the program loads a model on threads of its own', async () => {
  await project.write('use.js', program('{ threads: 2 }'));
  await project.write('main.js', "new (await import('node:worker_threads')).Worker('./use.js');");
  expect(await node('main.js')).toBe(await generated(project));
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
  expect(await project.bin('plusminus', 'inspect', '370M')).toContain('374.1 M parameters');
});

test('help needs no optional package', async () => {
  const commands = (await project.bin('plusminus', '--help')).matchAll(/^ {2}(\w+) {2,}\w/gm);
  const names = [...commands].map(([, name]) => name!).filter((name) => name !== 'help');
  expect(names).toContain('serve');
  for (const name of names)
    expect(await project.bin('plusminus', name, '--help')).toContain(`Usage: plusminus ${name}`);
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
