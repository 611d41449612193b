/** The package in bundlers and in browsers, with the files of docs/platforms.md. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyDocumented, copyModel, documented, securityPolicy } from './documented.ts';
import { generated, program, userProject } from './project.ts';
import { host, isolating, start, written } from './site.ts';

const project = userProject('vite@8', 'esbuild@0.28', 'webpack@5', 'webpack-cli@7');
const onThreads = /, \d+ threads?\): /;
const onItsOwn = /, the calling thread\): /;

test.each([
  ['isolated, with a content security policy', { ...isolating, ...securityPolicy }, onThreads],
  ['not isolated', {}, onItsOwn],
])('Vite builds a page: %s', async (_, headers, threads) => {
  await copyDocumented(project, 'index.html', 'main.js');
  await project.bin('vite', 'build', '--logLevel', 'error');
  const text = await written(await host(project, 'dist', headers));
  expect(text).toMatch(threads);
  expect(text).toContain(await generated(project));
});

test.each([
  ['main.js', 'a page'],
  ['main-with-worker.js', 'a worker of the page'],
])("Vite's development server serves %s: %s", async (main) => {
  await copyModel(project);
  await copyDocumented(project, 'index.html', 'vite.config.js', 'worker.js');
  await project.write('main.js', documented(main));
  const text = await written(await start(project, 'vite', '--port', '0'));
  expect(text).toMatch(onThreads);
  expect(text).toContain(await generated(project));
});

test('Vite builds a worker of the page', async () => {
  await copyDocumented(project, 'index.html', 'vite.config.js', 'worker.js');
  await project.write('main.js', documented('main-with-worker.js'));
  await project.bin('vite', 'build', '--logLevel', 'error');
  const text = await written(await host(project, 'dist', { ...isolating, ...securityPolicy }));
  expect(text).toMatch(onThreads);
  expect(text).toContain(await generated(project));
});

test('webpack builds a page', async () => {
  await project.write('src/index.js', documented('main.js'));
  await project.bin('webpack', 'build', '--mode', 'production', '--output-path', 'packed');
  await project.write('packed/index.html', documented('index.html'));
  const text = await written(await host(project, 'packed', { ...isolating, ...securityPolicy }));
  expect(text).toMatch(onThreads);
  expect(text).toContain(await generated(project));
});

test('esbuild bundles for browsers, with kernels beside the bundle', async () => {
  await project.write('app/index.html', documented('index.html'));
  await copyDocumented(project, 'main-for-esbuild.js');
  const options = ['--bundle', '--format=esm', '--outfile=app/main.js', '--log-level=error'];
  await project.bin('esbuild', 'main-for-esbuild.js', ...options);
  await cp(join(project.folder, 'node_modules/plusminus/build'), join(project.folder, 'app/kernels'), {
    recursive: true,
  });
  const text = await written(await host(project, 'app', {}));
  expect(text).toMatch(onItsOwn);
  expect(text).toContain(await generated(project));
});

test('esbuild bundles for Node: external, or with the folder of kernels named', async () => {
  await project.write('server.js', program('{ threads: 0 }'));
  const bundle = (...options: string[]) =>
    project.bin('esbuild', 'server.js', '--bundle', '--platform=node', '--log-level=error', ...options);
  await bundle('--format=esm', '--packages=external', '--outfile=bundle/external.js');
  expect(await project.run(process.execPath, 'bundle/external.js')).toBe(await generated(project));
  await project.write('server.js', program("{ threads: 0, kernels: 'node_modules/plusminus/build' }"));
  await bundle('--format=esm', '--outfile=bundle/whole.js');
  expect(await project.run(process.execPath, 'bundle/whole.js')).toBe(await generated(project));
});

test('the shape of an Electron app: CommonJS, the library external, in a forked process', async () => {
  await copyDocumented(project, 'main.cjs', 'model.cjs');
  const options = ['--bundle', '--platform=node', '--format=cjs', '--external:plusminus', '--external:./*'];
  await project.bin(
    'esbuild',
    'main.cjs',
    'model.cjs',
    ...options,
    '--outdir=electron',
    '--out-extension:.js=.cjs',
  );
  expect(await project.run(process.execPath, 'electron/main.cjs')).toBe(await generated(project));
});
