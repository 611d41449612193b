/** The code of README and docs, run in an empty project as a reader would copy it. */
import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openBrowser } from '../web/browser.ts';
import { userProject } from './project.ts';
import { host, isolating } from './site.ts';

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

test.each([
  ['with cross-origin isolation', isolating],
  ['without', {}],
])('the page of docs/web.md, %s', async (_, headers) => {
  const [[, install]] = (await blocks('docs/web.md', 'sh')).filter(([, code]) =>
    code.includes('dist/library'),
  ) as [[string, string]];
  const [[, html]] = (await blocks('docs/web.md', 'html')) as [[string, string]];
  await project.run('sh', '-ec', install.replace(/^npm install .*$/m, '')); // that is done, from the tarballs
  await project.write('site/index.html', html);
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
