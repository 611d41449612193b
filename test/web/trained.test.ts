/** A model that the reader trained: stopped and resumed, kept, opened on all pages, handed on as one file. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../../src/languageModel.ts';
import { openBrowser } from './browser.ts';
import { continueGreedily, host, newPage, seriousViolations, untilLoaded } from './pages.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

const shelf = (page: Page) => page.locator('.shelf.trained li');

/** Trains until it is stopped after some steps, then to the end. */
async function trainInTwoParts(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
  await page.getByLabel('Steps').selectOption('40');
  await page.getByRole('button', { name: 'Train' }).click();
  await expect.poll(async () => Number(await page.getByTestId('step').textContent())).toBeGreaterThan(3);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped.').waitFor();
  const stopped = Number(await page.getByTestId('step').textContent());
  expect(stopped).toBeLessThan(40);
  await shelf(page).getByText(/steps/).waitFor(); // what it has learned is kept already
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect
    .poll(async () => Number(await page.getByTestId('step').textContent()))
    .toBeGreaterThan(stopped);
  await page.getByLabel('Name of the model “Moby-Dick”').fill('Whale'); // while the model that it names changes
  await page.getByText('Done: 40 steps.').waitFor();
}

test('it resumes after a stop, survives a reload, writes on the other pages, and opens elsewhere from one file', async () => {
  const { url, close } = await host(inject('emptyApp'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single#learn`);
  await trainInTwoParts(page);
  await shelf(page).getByText('40 steps').waitFor();
  expect(await page.getByLabel('Name of the model “Moby-Dick”').inputValue()).toBe('Whale');
  await page.getByLabel('Name of the model “Moby-Dick”').press('Tab');

  await page.reload();
  await page.getByLabel('Name of the model “Whale”').waitFor();
  expect(await shelf(page).count()).toBe(1);
  expect(await seriousViolations(page)).toEqual([]);
  await shelf(page).getByRole('button', { name: 'Open' }).click();
  await page.getByText(/Whale, .* parameters in/).waitFor();
  await page.getByRole('link', { name: 'Inside', exact: true }).click();
  await page.locator('canvas').nth(2).waitFor();
  await page.getByRole('link', { name: 'Write', exact: true }).click();
  await untilLoaded(page);
  const written = await continueGreedily(page, 'The whale', 20);
  expect(written.length).toBeGreaterThan(10);

  await page.getByRole('link', { name: 'Learn', exact: true }).click();
  const saved = page.waitForEvent('download');
  await shelf(page).getByRole('button', { name: 'Save as a file' }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe('Whale.tar');
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-trained-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'Whale.tar');
  await download.saveAs(file);

  const elsewhere = await newPage(browser);
  await elsewhere.goto(`${url}#models`); // on threads, whose kernels are kept from the first visit on
  await elsewhere.getByRole('heading', { name: 'Published models' }).waitFor();
  await elsewhere.evaluate(() => navigator.serviceWorker.ready);
  await close(); // it needs no network
  await drop(elsewhere, 'Whale.tar', await readFile(file));
  await elsewhere.getByText('Whale is open').waitFor();
  await elsewhere.getByRole('link', { name: 'Write with it' }).click();
  await untilLoaded(elsewhere);
  expect(await continueGreedily(elsewhere, 'The whale', 20)).toBe(written);

  await promisify(execFile)('tar', ['-xf', file], { cwd: folder });
  await using model = await LanguageModel.load(folder, { threads: 0 });
  const { text } = await model.complete('The whale', { temperature: 0, maxTokens: 20 });
  expect(text).toBe(written);
});

/** Drops a file on the page, as from a folder of the system. */
async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  await page.evaluate(
    ({ name, base64 }) => {
      const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([content], name));
      const target = document.querySelector('h1')!;
      for (const type of ['dragover', 'drop'])
        target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    },
    { name, base64: bytes.toString('base64') },
  );
}

test('a talk and a text that were exported open by drop, and survive a reload', async () => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  const talk =
    '# Whales\n\n**You:** Where is it?\n\n**small:** In the sea.\n\n**Far** out.\n\n**You:** And now?\n\n**small:** Gone.\n';
  await drop(page, 'Whales.md', Buffer.from(talk));
  const turns = page.getByRole('log').locator('.turn');
  await expect.poll(() => turns.count()).toBe(4);
  expect(await turns.nth(1).textContent()).toContain('In the sea.');
  expect(await turns.nth(1).textContent()).toContain('Far out.');
  await page.getByText('Your talks: 1').click();
  const exported = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  expect(await readFile(await (await exported).path(), 'utf8')).toBe(talk);

  await drop(page, 'Log.txt', Buffer.from('Call me Ishmael, said the whale'));
  await expect.poll(() => page.getByLabel('Your text').inputValue()).toBe('Call me Ishmael, said the whale');
  await page.reload();
  await untilLoaded(page);
  await page.getByText('Continue a text').click();
  await page.getByText('Your texts: 1').click();
  await page.getByLabel('Name of the text “Log”').waitFor();
  await page.getByText('Chat', { exact: true }).click();
  await expect.poll(() => turns.count()).toBe(4);
});

test('what was typed just before the page closes is kept', async () => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  await page.getByLabel('Your text').fill('Call me Ahab'); // the cursor stays there, so the field reports no change
  await page.reload();
  await expect.poll(() => page.getByLabel('Your text').inputValue()).toBe('Call me Ahab');
});

test('what a full disk does not take is on the shelf until the page closes', async () => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  await page.getByLabel('Your text').fill('Kept before');
  await page.getByLabel('Your text').blur();
  await page.getByText('Your texts: 1').click();
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = function (this: IDBObjectStore): never {
      this.transaction.abort();
      throw new DOMException('The disk is full', 'QuotaExceededError');
    };
  });
  await page.getByRole('button', { name: 'New text' }).click();
  await page.getByLabel('Your text').fill('Not kept');
  await page.getByLabel('Your text').blur();
  await page.getByText('Your texts: 2').waitFor();
  await page.getByLabel('Name of the text “Not kept”').waitFor();
  await page.getByText(/last until the page is closed/).waitFor();
});

test('a binary file that is dropped is refused by name of what it is', async () => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  await page.getByRole('link', { name: 'Learn', exact: true }).click();
  await page.getByRole('heading', { name: 'Train one on your own text' }).waitFor();
  await drop(page, 'broken.txt', Buffer.from(Uint8Array.from({ length: 5000 }, (_, k) => (k * 97) % 256)));
  await page.getByRole('alert').getByText('This file is not text').waitFor();
});

test('a file that holds no model is refused by name', async () => {
  const { url } = await host(inject('emptyApp'));
  const page = await newPage(browser);
  await page.goto(`${url}#models`);
  await page.getByRole('heading', { name: 'Published models' }).waitFor();
  const choose = page.getByLabel('Choose files');
  await choose.setInputFiles({
    name: 'mine.tar',
    mimeType: '',
    buffer: Buffer.from('no archive'.repeat(100)),
  });
  await page.getByRole('alert').getByText('expected a tar archive').waitFor();
});

test('a text survives a reload, has a name, and everything is erased', async () => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  await page.getByLabel('Your text').fill('Call me Ishmael, said the whale');
  await page.getByLabel('Your text').blur();
  await page.getByText('Your texts: 1').waitFor();
  await page.reload();
  await untilLoaded(page);
  await expect.poll(() => page.getByLabel('Your text').inputValue()).toBe('Call me Ishmael, said the whale');
  await page.getByText('Your texts: 1').click();
  await page.getByLabel(/Name of the text/).fill(' ');
  await page.getByLabel(/Name of the text/).blur();
  await expect // an empty name is none
    .poll(() => page.getByLabel(/Name of the text/).inputValue())
    .toBe('Call me Ishmael, said the whale');
  await page.getByLabel(/Name of the text/).fill('Log');
  await page.getByLabel(/Name of the text/).blur();
  await page.getByLabel('Name of the text “Log”').waitFor();
  await page.getByText(/kept in this browser only, until you erase them/).waitFor();
  await page.getByRole('button', { name: 'Erase everything' }).click();
  await page.getByRole('button', { name: 'Really erase all talks, texts and models' }).click();
  await page.getByText('Everything is erased.').first().waitFor();
  await page.reload();
  await untilLoaded(page);
  await page.getByText('Your texts', { exact: true }).waitFor();
  expect(await page.getByLabel('Your text').inputValue()).toBe('Once upon a time');
});
