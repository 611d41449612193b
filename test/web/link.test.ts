import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { host, newPage, untilLoaded } from './pages.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser({ gpu: true });
});
afterAll(() => browser?.close());

const same = /This is the same text as where the link was made/;

test('a link made on one engine writes the same text on the others, and says if it does not', async () => {
  const { url } = await host(inject('app'));
  const maker = await newPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
  await maker.goto(`${url}?engine=threads`);
  await untilLoaded(maker);
  await maker.getByText('How it writes').click();
  await maker.getByLabel('At most').fill('40');
  await maker.getByLabel('Your text').fill('The whale was');
  await maker.getByRole('button', { name: 'Go on' }).click();
  await maker.getByRole('button', { name: 'Copy link a link that writes this text' }).click();
  await maker.getByText('Copied').waitFor();
  const link = new URL(await maker.evaluate(() => navigator.clipboard.readText()));
  const written = await maker.getByLabel('Your text').inputValue();
  expect(link.hash).toMatch(/^#write\?text=The\+whale\+was&seed=\d+&freedom=0\.5&tokens=40&model=/);
  for (const engine of ['single', 'gpu']) {
    const page = await newPage(browser);
    await page.goto(`${url}?engine=${engine}${link.hash}`);
    await page.getByText(same).waitFor();
    expect(await page.getByLabel('Your text').inputValue()).toBe(written);
  }
  const other = await newPage(browser);
  await other.goto(`${url}?engine=single${link.hash.replace(/check=.*/, 'check=x')}`);
  await other
    .getByText(/another text than where the link was made: that device rounds differently/)
    .waitFor();
});

test.each([
  'write?text=x&seed=-1&freedom=99&tokens=-5&model=0&check=0',
  'constructor',
  'inside?layer=x&step=99',
])('a link that no page has made leads to a page that works: #%s', async (hash) => {
  const { url } = await host(inject('app'));
  const page = await newPage(browser);
  await page.goto(`${url}#${hash}`);
  if (hash.startsWith('inside')) return page.getByTestId('stop').waitFor();
  await untilLoaded(page);
  expect(await page.getByLabel('Your text').inputValue()).toBe('Once upon a time');
});
