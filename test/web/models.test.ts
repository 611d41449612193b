/** Choosing a model in the app: from the catalogue, by address, from the reader's disk; and what the browser keeps. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../../src/languageModel.ts';
import { openBrowser } from './browser.ts';
import { continueGreedily, host, newPage, seriousViolations, untilLoaded } from './pages.ts';

const golden = join(import.meta.dirname, '../fixtures/golden/gguf/bonsai-q2-64/model.gguf');
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

/** The page of models, of the app without one of its own, with the golden GGUF file beside it. */
async function openModels(): Promise<{ readonly page: Page; readonly close: () => Promise<void> }> {
  const site = await mkdtemp(join(tmpdir(), 'plusminus-models-'));
  onTestFinished(() => rm(site, { recursive: true }));
  await cp(inject('emptyApp'), site, { recursive: true });
  await cp(golden, join(site, 'bonsai.gguf'));
  const { url, close } = await host(site);
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single#models`);
  await page.getByRole('heading', { name: 'Published models' }).waitFor();
  return { page, close };
}

/** Waits until the model is open; fails with what the page says instead. */
async function isOpen(page: Page, name: string): Promise<void> {
  const opened = page.getByText(`${name} is open`);
  await opened.or(page.getByRole('alert')).first().waitFor();
  if ((await opened.count()) === 0) expect(await page.getByRole('alert').textContent()).toBe('');
}

test('the files of a folder on the disk open, and write what Node writes', async () => {
  const { page } = await openModels();
  const folder = inject('model');
  const files = (await readdir(folder)).map((name) => join(folder, name));
  await page.getByLabel('Choose files').setInputFiles(files);
  await isOpen(page, 'your files');
  await page.getByRole('link', { name: 'Write with it' }).click();
  await untilLoaded(page);
  await using model = await LanguageModel.load(folder, { threads: 0 });
  const { text } = await model.complete('The whale', { temperature: 0, maxTokens: 20 });
  expect(await continueGreedily(page, 'The whale', 20)).toBe(text);
});

test('a GGUF file opens by a drop, and a file that is no model is refused by name', async () => {
  const { page } = await openModels();
  const drop = (name: string, bytes: string) =>
    page.locator('.drop').evaluate(
      (area, [name, base64]) => {
        const content = Uint8Array.from(atob(base64!), (letter) => letter.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([content], name!));
        area.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      },
      [name, bytes],
    );
  await drop('mine.gguf', (await readFile(golden)).toString('base64'));
  await isOpen(page, 'mine.gguf');
  await drop('other.gguf', Buffer.from('no model').toString('base64'));
  await page.getByText(/other\.gguf: .*expected/).waitFor();
  await isOpen(page, 'mine.gguf'); // the earlier model is still there
  await drop('mine.zip', '');
  await page
    .getByText(/Found mine\.zip, expected a \.tar that a page like this saved, a \.gguf file/)
    .waitFor();

  await page.getByRole('link', { name: 'Inside', exact: true }).click();
  await page.getByText(/The tour explains MatMul-free models/).waitFor(); // a model that attends has no state to watch
  expect(await page.getByRole('button', { name: 'Watch' }).count()).toBe(0);
});

/** Files in the private file system of the page's origin. */
const filesOf = (page: Page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('plusminus-models', { create: true });
    const names: string[] = [];
    for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys())
      names.push(name);
    return names.length;
  });

test('a fetched model is kept as a file, opens without a network, and is deleted', async () => {
  const { page, close } = await openModels();
  await page.evaluate(() => navigator.serviceWorker.ready);
  const address = page.getByLabel('Name or address of a model');
  await address.fill('./bonsai.gguf');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await isOpen(page, 'bonsai.gguf');
  expect(await filesOf(page)).toBe(1);
  await page.getByRole('heading', { name: /^Kept in this browser: \d/ }).waitFor();
  expect(await seriousViolations(page)).toEqual([]);

  await page.reload();
  await close();
  await address.fill('./bonsai.gguf');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await isOpen(page, 'bonsai.gguf');

  await page.getByRole('button', { name: 'Delete bonsai.gguf' }).click();
  await expect.poll(() => page.getByText(/^Kept in this browser/).count()).toBe(0);
  expect(await filesOf(page)).toBe(0);
  await expect.poll(() => page.getByText(/works without a network/).count()).toBe(0);
});

test('what WebAssembly cannot hold is said before it is fetched', async () => {
  const { page } = await openModels();
  const large = page.getByRole('listitem').filter({ hasText: 'trilm-3.9b' });
  await expect.poll(() => large.textContent()).toMatch(/8\.0 GB of memory.* too large for WebAssembly/);
  await page.getByLabel('Choose files').setInputFiles(golden);
  await isOpen(page, 'model.gguf');
  expect(await large.getByRole('button').isDisabled()).toBe(true); // now that the engine is known
  const small = page.getByRole('button', { name: 'Open ternary-bonsai-1.7b', exact: true });
  expect(await small.isDisabled()).toBe(false);
});
