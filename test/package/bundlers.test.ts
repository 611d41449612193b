/** The package in bundlers and in browsers. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generated, program, userProject } from './project.ts';
import { host, written } from './site.ts';

const project = userProject('vite@8', 'esbuild@0.28', 'webpack@5', 'webpack-cli@7');

const isolating = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
const policy = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
};

const pageProgram = `
  import { LanguageModel } from 'plusminus';
  const text = document.getElementById('text');
  try {
    const model = await LanguageModel.load('/models/stories');
    const { text: written } = await model.complete('Once upon a time', { maxTokens: 8, seed: 7 });
    text.textContent = model.engine.match(/\\d+ threads?|no threads|calling/)?.[0] + ': ' + written;
  } catch (error) {
    text.textContent = String(error);
  }
  text.dataset.done = '';
`;
const page = (script: string) =>
  `<!doctype html><p id="text"></p><script type="module" src="${script}"></script>`;

test.each([
  ['isolated, with a content security policy', { ...isolating, ...policy }, /^\d+ threads?: /],
  ['not isolated', {}, /^(no threads|calling|undefined).*: /],
])('Vite builds a page: %s', async (_, headers, threads) => {
  await project.write('index.html', page('/main.js'));
  await project.write('main.js', pageProgram);
  await project.bin('vite', 'build', '--logLevel', 'error', '--target', 'es2022');
  const text = await written(await host(project, 'dist', headers));
  expect(text).toMatch(threads);
  expect(text).toContain(await generated(project));
});

test('webpack builds a page', async () => {
  await project.write('src/index.js', pageProgram);
  await project.write('out/index.html', page('/main.mjs'));
  await project.write(
    'webpack.config.js',
    `export default {
      mode: 'production',
      output: { path: ${JSON.stringify(join(project.folder, 'out'))}, module: true, publicPath: '/' },
      experiments: { outputModule: true },
    };`,
  );
  await project.bin('webpack', 'build');
  expect(await written(await host(project, 'out', isolating))).toContain(await generated(project));
});

test('esbuild bundles for browsers, with workers and kernels beside the bundle', async () => {
  await project.write('app/index.html', page('/main.js'));
  await project.write(
    'app.js',
    pageProgram.replace("'/models/stories'", "'/models/stories', { kernels: '/kernels', threads: 0 }"),
  );
  await project.bin(
    'esbuild',
    'app.js',
    '--bundle',
    '--format=esm',
    '--outfile=app/main.js',
    '--log-level=error',
    '--target=es2022',
  );
  await cp(join(project.folder, 'node_modules/plusminus/build'), join(project.folder, 'app/kernels'), {
    recursive: true,
  });
  expect(await written(await host(project, 'app', {}))).toContain(await generated(project));
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
