import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { host, newPage, seriousViolations } from './pages.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

async function openTour(hash: string, options: Parameters<typeof newPage>[1] = {}): Promise<Page> {
  const { url } = await host(inject('app'));
  const page = await newPage(browser, options);
  await page.goto(`${url}#inside?${hash}`);
  await page.getByTestId('stop').waitFor();
  return page;
}

const stop = (page: Page) => page.getByTestId('stop');
const chapter = (page: Page) => page.locator('.chapters [aria-current=step]').textContent();
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const numberIn = (text: string | null) => Number(text!.replaceAll('−', '-'));

test('a link opens sentence, layer and step, and the address follows the reader', async () => {
  const page = await openTour('text=The+whale+was&layer=2&step=2&row=5');
  expect(await page.getByLabel('Your sentence').inputValue()).toBe('The whale was');
  expect(await chapter(page)).toBe('Numbers');
  expect(await page.getByRole('spinbutton', { name: 'Layer' }).inputValue()).toBe('2');
  await button(page, 'Step').click();
  expect(await chapter(page)).toBe('Integers');
  await button(page, 'Back').click();
  await button(page, 'Back').click();
  expect(await chapter(page)).toBe('Token');
  await page.getByRole('spinbutton', { name: 'Row' }).fill('7');
  await page.getByRole('spinbutton', { name: 'Row' }).press('Enter');
  await expect
    .poll(() => page.evaluate(() => location.hash))
    .toBe('#inside?text=The+whale+was&layer=2&step=1&row=7');
});

test('the row adds, subtracts and skips to the number that the engine has', async () => {
  const page = await openTour('text=The+whale+was&layer=2&step=4&row=3');
  expect(await page.getByTestId('sum').textContent()).toBe('0');
  await button(page, 'Step').click();
  expect(await stop(page).textContent()).toContain('1 of 128');
  await button(page, 'Back').click();
  expect(await stop(page).textContent()).toContain('0 of 128');
  await page.getByLabel('Weights used').fill('128');
  const sum = numberIn(await page.getByTestId('sum').textContent());
  expect(sum).not.toBe(0);
  await page.getByLabel('The same with multiplications').check();
  expect(numberIn((await page.getByTestId('multiplied').textContent())!.match(/([−\d]+)\.$/)![1]!)).toBe(sum);
  await button(page, 'Step').click();
  expect(await chapter(page)).toBe('Scale');
  const [, scaled] = (await page.getByTestId('scaled').textContent())!.split('= ');
  const [, engine] = (await stop(page).textContent())!.match(/got ([−\d.e]+)\./)!;
  expect(numberIn(scaled!)).toBeCloseTo(numberIn(engine!), 2);
});

test('it plays by itself, and pauses', async () => {
  const page = await openTour('step=4');
  await button(page, 'Play').click();
  await expect
    .poll(async () => Number(await page.getByLabel('Weights used').inputValue()))
    .toBeGreaterThan(8);
  await button(page, 'Pause').click();
  const reached = await page.getByLabel('Weights used').inputValue();
  await page.waitForTimeout(400);
  expect(await page.getByLabel('Weights used').inputValue()).toBe(reached);
});

test('the gate is the reader’s to move: all of the old state, or none', async () => {
  const page = await openTour('text=The+whale+was&step=6');
  const state = async () => (await page.getByTestId('state').textContent())!;
  const [, old] = (await state()).match(/× ([−\d.e]+) \+/)!;
  const own = await state();
  await page.getByLabel('Keep').fill('1');
  expect(await page.getByTestId('state').locator('output').textContent()).toBe(old);
  await button(page, 'Its own').click();
  expect(await state()).toBe(own);
  const [, after] = (await stop(page).textContent())!.match(/the engine has ([−\d.e]+)\./)!;
  const result = await page.getByTestId('state').locator('output').textContent();
  expect(numberIn(result)).toBeCloseTo(numberIn(after!), 2);
});

test('the reader chooses the next token, and the sentence grows by it', async () => {
  const page = await openTour('text=The+whale+was&step=8');
  const choice = page.getByRole('list', { name: 'Choose the next token' }).getByRole('button').nth(1);
  await choice.click();
  const sentence = page.getByLabel('Your sentence');
  await expect.poll(() => sentence.inputValue()).toMatch(/^The whale was.+/s);
  await expect.poll(() => page.evaluate(() => location.hash)).toContain('step=8');
  await page.getByText('Token', { exact: true }).click();
  await expect.poll(async () => await page.locator('.stop .token').count()).toBeGreaterThan(2);
});

test('an embedded tour is alone on its page, and large for a projector', async () => {
  const page = await openTour('step=1&embed=1&large=1', { viewport: { width: 1920, height: 1080 } });
  expect(await page.locator('header').isVisible()).toBe(false);
  expect(await page.locator('footer').count()).toBe(0);
  const size = await page.evaluate(() => getComputedStyle(document.documentElement).fontSize);
  expect(size).toBe('24px');
  await page.getByLabel('Large, for a projector').uncheck();
  expect(await page.evaluate(() => location.hash)).not.toContain('large');
});

test.each([
  ['light', { width: 390, height: 844 }],
  ['dark', { width: 1920, height: 1080 }],
] as const)(
  'axe finds nothing serious at any step, and nothing leaves the screen: %s',
  async (colorScheme, viewport) => {
    const page = await openTour('text=The+whale+was', { colorScheme, viewport });
    const names = await page.locator('.chapters button').allTextContents();
    expect(names.length).toBe(8);
    for (const name of names) {
      await page.locator('.chapters').getByRole('button', { name, exact: true }).click();
      expect(await seriousViolations(page), name).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, name).toBeLessThanOrEqual(0);
    }
  },
);
