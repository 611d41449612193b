/** The page of docs/web.md, as a reader would copy it. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../../src/languageModel.ts';
import { openBrowser } from './browser.ts';
import { host, newPage } from './pages.ts';

test("docs/web.md's page writes what Node writes, and a page without threads says so", async () => {
  const docs = await readFile(new URL('../../docs/web.md', import.meta.url), 'utf8');
  const [, html] = docs.match(/```html\n(.*?)```/s)!;
  const site = await mkdtemp(join(tmpdir(), 'plusminus-site-'));
  onTestFinished(() => rm(site, { recursive: true }));
  await writeFile(join(site, 'index.html'), html!);
  await cp(inject('library'), join(site, 'library'), { recursive: true });
  await cp(inject('model'), join(site, 'models/stories'), { recursive: true });

  await using model = await LanguageModel.load(inject('model'));
  let expected = 'Once upon a time';
  for await (const piece of model.generate(expected, { maxTokens: 64, seed: 7 })) expected += piece;

  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const { url } = await host(site, { isolated: false });
  const page = await newPage(browser);
  await page.goto(url);
  await expect.poll(() => page.locator('#text').textContent()).toBe(expected);

  // Answers in a form, and tools, as in Node.
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const inForm = await page.evaluate(`(async () => {
    const { LanguageModel } = await import(new URL('library/plusminus.js', location.href).href);
    const model = await LanguageModel.load('./models/stories', { engine: 'cpu' });
    const responseFormat = { type: 'json', schema: ${JSON.stringify(schema)} };
    const { text } = await model.complete('A number:', { maxTokens: 40, seed: 3, responseFormat });
    await model.dispose();
    return text;
  })()`);
  expect(JSON.parse(inForm as string)).toEqual({ n: expect.any(Number) });

  const warning = page.waitForEvent('console', (message) => message.type() === 'warning');
  await page.evaluate(`(async () => {
    const { LanguageModel } = await import(new URL('library/plusminus.js', location.href).href);
    await (await LanguageModel.load('./models/stories', { engine: 'cpu', threads: 4 })).dispose();
  })()`);
  expect((await warning).text()).toContain('threads: found 4, but this page is not cross-origin isolated');
});
