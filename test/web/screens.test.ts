/** The pictures in docs show the app as it is: the same views, with the same headings and controls, in the same style. */
import { readFile, stat } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { hashOfStyles, type Outlines, outlineOf, screensFolder, views } from '../../web/build/views.ts';
import { openBrowser } from './browser.ts';
import { host, newPage } from './pages.ts';

/** Bytes; docs are read on phones, too. */
const maxBytes = 80_000;
const advice = 'the app has changed since its pictures were taken: npm run screens';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

const recorded = async (): Promise<Outlines> =>
  JSON.parse(await readFile(new URL('outlines.json', screensFolder), 'utf8'));

test('the pictures have the styles of now', async () => {
  expect((await recorded()).styles, advice).toBe(await hashOfStyles());
});

test.each(views)('$name is as in its picture', async ({ name, width, height, hash, reach }) => {
  const { size } = await stat(new URL(`${name}.webp`, screensFolder));
  expect(size).toBeGreaterThan(2000);
  expect(size).toBeLessThan(maxBytes);
  const { url } = await host(inject('app'));
  const page = await newPage(browser, { viewport: { width, height } });
  await page.goto(url + hash);
  await reach(page);
  expect(await outlineOf(page), advice).toEqual((await recorded()).views[name]);
});
