/** Where the app and the library run: under a path of a host, on the development server, and in a page's own thread. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../../src/languageModel.ts';
import { openBrowser } from './browser.ts';
import { continueGreedily, engineOf, host, newPage, untilLoaded } from './pages.ts';
import { startServer } from './startServer.ts';

const prompt = 'The whale';
let browser: Browser;
let expected: string;
beforeAll(async () => {
  browser = await openBrowser();
  await using model = await LanguageModel.load(inject('model'), { threads: 0 });
  expected = (await model.complete(prompt, { temperature: 0, maxTokens: 20 })).text;
});
afterAll(() => browser?.close());

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-places-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function writes(page: Page): Promise<void> {
  await untilLoaded(page);
  expect(await continueGreedily(page, prompt, 20)).toBe(expected);
}

test('the app works under a path of a host without headers: with threads, and without a network', async () => {
  const site = await newFolder();
  await mkdir(join(site, 'pages/of'), { recursive: true });
  await cp(inject('app'), join(site, 'pages/of/mine'), { recursive: true });
  await writeFile(join(site, 'index.html'), 'another site of this host');
  const { url, close } = await host(site, { isolated: false });
  const page = await newPage(browser);
  await page.goto(`${url}pages/of/mine/`);
  await writes(page);
  expect(await engineOf(page)).toMatch(/threads?$/);
  await page.getByText(/works without a network/).waitFor();
  const scopes = () =>
    navigator.serviceWorker.getRegistrations().then((all) => all.map(({ scope }) => scope));
  expect(await page.evaluate(scopes)).toEqual([`${url}pages/of/mine/`]);
  await close();
  await page.context().setOffline(true);
  await page.reload();
  await writes(page);
});

test('npm run dev:web serves the app with its models and its text', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const env = { ...process.env, PLUSMINUS_WEB_MODELS: dirname(inject('model')), NODE_ENV: 'development' };
  const url = await startServer('npm', ['run', '-s', 'dev:web'], { cwd: root, env });
  const page = await newPage(browser);
  await page.goto(url);
  await writes(page);
  expect(await engineOf(page)).toMatch(/threads?$/);
  await page.getByRole('link', { name: 'Learn' }).click();
  await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
  await page.getByText(/k words/).waitFor();
});

const types: Record<string, string> = { '.json': 'application/json' };

/** Answers what the page asks of the Hub from a folder: the files of one repository. */
async function playHub(page: Page, repository: string, folder: string): Promise<string[]> {
  const asked: string[] = [];
  await page.context().route('https://huggingface.co/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    asked.push(pathname);
    const [, name] = pathname.split(`/${repository}/resolve/main/`);
    const body = name && (await readFile(join(folder, name)).catch(() => undefined));
    const headers = { 'access-control-allow-origin': '*', 'content-type': types[extname(pathname)] ?? '' };
    await route.fulfill(body ? { body, headers } : { status: 404, headers });
  });
  return asked;
}

test('a link names a model of the Hub, which the page fetches', async () => {
  const { url } = await host(inject('emptyApp'));
  const page = await newPage(browser, { serviceWorkers: 'block' }); // whose requests could not be answered here
  const asked = await playHub(page, 'someone/small-whale', inject('model'));
  await page.goto(`${url}?model=someone/small-whale`);
  await writes(page);
  expect(asked).toContain('/someone/small-whale/resolve/main/model.safetensors');
});

test.each(["the page's own thread", 'a module worker'])('WebGPU computes in %s', async (place) => {
  const site = await newFolder();
  await cp(inject('library'), join(site, 'library'), { recursive: true });
  await cp(inject('model'), join(site, 'model'), { recursive: true });
  const script = `
    import { LanguageModel } from './library/plusminus.js';
    const tell = (told) => ('document' in globalThis ? (document.title = told) : postMessage(told));
    try {
      const model = await LanguageModel.load(new URL('model', import.meta.url).href, { engine: 'webgpu' });
      const { text } = await model.complete('${prompt}', { temperature: 0, maxTokens: 20 });
      tell(JSON.stringify([model.engine.split(' ')[0], text]));
    } catch (error) {
      tell(JSON.stringify(String(error)));
    }`;
  await writeFile(join(site, 'write.js'), script);
  const inWorker =
    "new Worker('write.js', { type: 'module' }).onmessage = ({ data }) => (document.title = data);";
  const tag =
    place === 'a module worker'
      ? `<script>${inWorker}</script>`
      : '<script type="module" src="write.js"></script>';
  await writeFile(join(site, 'index.html'), `<!doctype html>${tag}`);
  const withGpu = await openBrowser({ gpu: true });
  onTestFinished(() => withGpu.close());
  const page = await newPage(withGpu);
  await page.goto((await host(site)).url);
  await expect.poll(() => page.title(), { timeout: 120_000 }).not.toBe('');
  expect(JSON.parse(await page.title())).toEqual(['webgpu', expected]);
});
