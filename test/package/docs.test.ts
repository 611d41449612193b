/** The code of README and docs, run in an empty project as a reader would copy it. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openBrowser } from '../web/browser.ts';
import { userProject } from './project.ts';
import { host, isolating, written } from './site.ts';

const project = userProject();

/** The blocks of a language in a page, with the heading before each. */
async function blocks(page: string, language: string): Promise<[heading: string, code: string][]> {
  const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8');
  const found = [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))];
  return found.map(({ index, 1: code }) => [text.slice(0, index).match(/.*^#+ (.*?)$/ms)![1]!, code!]);
}

test.each([...(await blocks('docs/library.md', 'ts')), ...(await blocks('README.md', 'ts')).slice(0, 1)])(
  '%s',
  async (_, code) => {
    await project.write('example.ts', code);
    expect(await project.run(process.execPath, 'example.ts')).not.toBe('');
  },
);

/** The site of docs/web.md, in the folder site/. */
async function copySite(): Promise<void> {
  const [[, install]] = (await blocks('docs/web.md', 'sh')).filter(([, code]) =>
    code.includes('dist/library'),
  ) as [[string, string]];
  const [[, html]] = (await blocks('docs/web.md', 'html')) as [[string, string]];
  await rm(join(project.folder, 'site'), { recursive: true, force: true });
  await project.run('sh', '-ec', install.replace(/^npm install .*$/m, '')); // that is done, from the tarballs
  await project.write('site/index.html', html);
}

test.each([
  ['with cross-origin isolation', isolating],
  ['without', {}],
])('the page of docs/web.md, %s', async (_, headers) => {
  await copySite();
  await project.write(
    'expected.js',
    `import { LanguageModel } from 'plusminus';
    const { text } = await (await LanguageModel.load()).complete('Once upon a time', { maxTokens: 64, seed: 7 });
    console.log('Once upon a time' + text);`,
  );
  const expected = await project.run(process.execPath, 'expected.js');
  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(await host(project, 'site', headers));
  await expect
    .poll(async () => (await page.locator('#text').textContent())?.trim(), { timeout: 60_000 })
    .toBe(expected);
});

const blocked = { 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'" };

test.each([
  ['nothing', /^$/, {}, 'loaded'],
  ['a worker that the policy blocks', /^$/, blocked, /worker .* cannot be loaded: .*worker-src 'self'/],
  [
    'the file of the worker',
    /Thread/,
    {},
    /worker .* cannot be loaded: check that the server sends the file/,
  ],
  ['the kernels', /\.wasm$/, {}, /kernels\S*\.wasm.*(404|missing)/],
])('a page that misses %s says what to serve or allow', async (_, missing, headers, said) => {
  await copySite();
  await project.write('site/index.html', '<p id="text"></p><script type="module" src="threads.js"></script>');
  await project.write(
    'site/threads.js',
    `import { LanguageModel } from './library/plusminus.js';
    const model = new URL('models/stories', location.href).href;
    const said = await LanguageModel.load(model, { engine: 'cpu', threads: 2 }).then(
      () => 'loaded',
      ({ code, message }) => code + ': ' + message,
    );
    document.getElementById('text').textContent = said;`,
  );
  const library = join(project.folder, 'site/library');
  for (const file of await readdir(library)) if (missing.test(file)) await rm(join(library, file));
  expect(await written(await host(project, 'site', { ...isolating, ...headers }))).toMatch(said);
});
