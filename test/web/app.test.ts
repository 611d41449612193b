import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../../src/languageModel.ts';
import { openBrowser } from './browser.ts';
import { continueGreedily, engineOf, host, newPage, seriousViolations, untilLoaded } from './pages.ts';

const app = inject('app');
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

async function openApp(query = '', options: Parameters<typeof newPage>[1] = {}): Promise<Page> {
  const { url } = await host(app);
  const page = await newPage(browser, options);
  await page.goto(url + query);
  return page;
}

describe('writing', () => {
  test('continues a text, says what computes, and takes it back', async () => {
    const page = await openApp();
    await untilLoaded(page);
    expect(await engineOf(page)).toMatch(/^WebAssembly, \d+ threads?$/);
    const text = page.getByLabel('Your text');
    await text.fill('Call me Ishmael.');
    await text.press('Control+Enter');
    await page.getByText(/a second/).waitFor();
    const written = await text.inputValue();
    expect(written).toMatch(/^Call me Ishmael\../);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await text.inputValue()).toBe('Call me Ishmael.');
  });

  test.each([
    ['the button', (page: Page) => page.getByRole('button', { name: 'Stop' }).click()],
    ['Escape', (page: Page) => page.keyboard.press('Escape')],
  ])('%s stops it, on one thread too, and it continues afterwards', async (_, stop) => {
    const page = await openApp('?engine=single');
    await untilLoaded(page);
    expect(await engineOf(page)).toBe('WebAssembly, one thread');
    await page.getByText('How it writes').click();
    await page.getByLabel('At most').fill('4000');
    await page.getByLabel('Freedom').fill('0'); // the likeliest token never ends the text
    const text = page.getByLabel('Your text');
    const before = await text.inputValue();
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect.poll(() => text.inputValue()).not.toBe(before);
    await stop(page);
    await page.getByText('Stopped.').waitFor();
    const stopped = await text.inputValue();
    await page.getByLabel('At most').fill('20');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(/^\d+ tokens, .* a second/).waitFor();
    const after = await text.inputValue();
    expect(after.startsWith(stopped)).toBe(true);
    expect(after.length).toBeGreaterThan(stopped.length);
    // Nothing of the stopped run came in between: 20 tokens are no thousands.
    expect(after.length - stopped.length).toBeLessThan(400);
  });

  test('chats, and remembers in a state of fixed size', async () => {
    const page = await openApp();
    await untilLoaded(page);
    await page.getByText('Chat', { exact: true }).click();
    for (const message of ['Where is the whale?', 'And now?']) {
      await page.getByLabel('Message').fill(message);
      await page.getByLabel('Message').press('Enter');
      await page.getByText(/a second/).waitFor();
      await page.getByRole('button', { name: 'Send' }).waitFor();
    }
    const turns = page.getByRole('log').locator('.turn');
    expect(await turns.count()).toBe(4);
    for (const turn of await turns.all()) expect((await turn.textContent())!.length).toBeGreaterThan(3);
    await page.getByText(/All that the model keeps of a conversation is 1\.0 kB of state/).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
  });
});

describe('engines', () => {
  const prompt = 'Call me Ishmael.';
  const tokens = 40;

  test('Node, threads, one thread and WebGPU write the same greedy text', async () => {
    await using model = await LanguageModel.load(inject('model'));
    let expected = '';
    for await (const piece of model.generate(prompt, { maxTokens: tokens, temperature: 0 }))
      expected += piece;
    expect(expected.length).toBeGreaterThan(tokens);
    const withGpu = await openBrowser({ gpu: true });
    try {
      const { url } = await host(app);
      for (const [engine, name] of [
        ['threads', /^WebAssembly, \d+ threads?$/],
        ['single', /^WebAssembly, one thread$/],
        ['gpu', /^WebGPU, /],
      ] as const) {
        const page = await newPage(withGpu);
        await page.goto(`${url}?engine=${engine}`);
        await untilLoaded(page);
        expect(await engineOf(page)).toMatch(name);
        expect(await continueGreedily(page, prompt, tokens)).toBe(expected);
      }
    } finally {
      await withGpu.close();
    }
  });

  test('a GPU in software is not taken by itself', async () => {
    const withGpu = await openBrowser({ gpu: true });
    try {
      const { url } = await host(app);
      const page = await newPage(withGpu);
      await page.goto(url);
      await untilLoaded(page);
      expect(await engineOf(page)).toMatch(/^WebAssembly/);
    } finally {
      await withGpu.close();
    }
  });

  test('a host without the headers gets threads through the service worker', async () => {
    const { url } = await host(app, { isolated: false });
    const page = await newPage(browser);
    await page.goto(url);
    await untilLoaded(page);
    expect(await engineOf(page)).toMatch(/threads?$/);
    expect(await engineOf(page)).not.toMatch(/one thread/);
  });

  test('without headers and service worker it computes on one thread and says so', async () => {
    const { url } = await host(app, { isolated: false });
    const page = await newPage(browser, { serviceWorkers: 'block' });
    await page.goto(url);
    await untilLoaded(page);
    expect(await engineOf(page)).toBe('WebAssembly, one thread');
    await page.getByText(/One thread only: this page is not cross-origin isolated/).waitFor();
  });
});

describe('learning', () => {
  test('the loss falls, and the model writes with what it learned', async () => {
    const page = await openApp('#learn');
    await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
    await page.getByLabel('Steps').selectOption('40');
    const train = page.getByRole('button', { name: 'Train' });
    await train.click();
    await page.getByText('Done: 40 steps.').waitFor();
    const [, first, last] = (await page.locator('.curve title').textContent())!.match(
      /fell from ([\d.]+) to ([\d.]+) in 40 steps/,
    )!;
    // A model that has learned nothing: the ten chapters get a vocabulary of 1,024.
    expect(Number(first)).toBeCloseTo(Math.log(1024), 1);
    expect(Number(last)).toBeLessThan(Number(first) - 0.7);
    expect(await page.locator('.samples li').count()).toBe(9);
    await page.getByRole('button', { name: 'Write', exact: true }).click();
    await page.getByText(/a second\./).waitFor();
    expect((await page.getByTestId('trained-text').textContent())!.length).toBeGreaterThan(100);
    expect(await seriousViolations(page)).toEqual([]);
  });

  test('stops, and writes with what it learned so far', async () => {
    const page = await openApp('#learn');
    await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
    await page.getByLabel('Steps').selectOption('3000');
    await page.getByRole('button', { name: 'Train' }).click();
    await expect.poll(() => page.getByTestId('step').textContent()).not.toBe('0');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.').waitFor();
    await page.getByRole('button', { name: 'Write', exact: true }).click();
    await page.getByText(/a second\./).waitFor();
  });

  test('says what is wrong with a text that is too short', async () => {
    const page = await openApp('#learn');
    await page.getByLabel('The text to learn').last().fill('Too short to learn from. '.repeat(10));
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText(/the text has \d+ tokens, expected at least 1000/).waitFor();
  });
});

test('inside: tokens arrive, nothing multiplies in products, the cache of a transformer grows', async () => {
  const page = await openApp('#inside');
  await page.getByLabel('Pace').selectOption('as fast as a screen');
  await page.getByRole('button', { name: 'Watch' }).click();
  await expect
    .poll(async () => (await page.getByTestId('tokens').textContent())!.length)
    .toBeGreaterThan(300);
  await page.getByRole('button', { name: 'Stop' }).click();
  expect(await page.getByTestId('products').textContent()).toBe('0');
  const [, tokens, held, cache] = (await page.locator('.curve title').textContent())!.match(
    /After (\d+) tokens this model holds ([\d.]+ kB), a transformer would hold ([\d.]+) kB/,
  )!;
  // 2 layers × (key + value) × 128 numbers of 2 bytes a token; the state is 2 × 128 floats of 4 bytes.
  expect(Number(cache)).toBeCloseTo((Number(tokens) * 2 * 2 * 128 * 2) / 1000, 1);
  expect(held).toBe('1.0 kB');
  const seen = () =>
    page
      .locator('canvas')
      .first()
      .evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data).size;
      });
  expect(await seen()).toBeGreaterThan(20); // a state of many shades, not an empty field
});

describe('without a network', () => {
  test('the app starts again and writes, and every page is there', async () => {
    const { url, close } = await host(app, { isolated: false });
    const page = await newPage(browser);
    await page.goto(url);
    await untilLoaded(page);
    await page.getByText(/works without a network/).waitFor();
    await close();
    await page.context().setOffline(true);
    await page.reload();
    await untilLoaded(page);
    expect(await engineOf(page)).toMatch(/threads?$/);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(/a second/).waitFor();
    await page.getByRole('link', { name: 'Inside' }).click();
    await page.getByRole('button', { name: 'Watch' }).waitFor();
    await page.getByRole('link', { name: 'Learn' }).click();
    await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
    await page.getByText(/k words/).waitFor();
  });
});

test('a model that the server has replaced is fetched again', async () => {
  const site = await mkdtemp(join(tmpdir(), 'plusminus-site-'));
  onTestFinished(() => rm(site, { recursive: true }));
  await cp(app, site, { recursive: true });
  const { url } = await host(site);
  const page = await newPage(browser);
  await page.goto(url);
  await untilLoaded(page);
  await writeFile(join(site, 'models/small/config.json'), '{ "model_type": "another" }');
  await page.reload();
  await page.getByText(/models\/small\/config\.json: model_type: found "another"/).waitFor();
});

test('without a bundled model it asks for one, and says what is wrong with an address', async () => {
  const { url } = await host(inject('emptyApp'));
  const page = await newPage(browser);
  await page.goto(url);
  await page.getByLabel('Address or name of a model').fill('./nowhere');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByText(/nowhere\/config\.json: not found/).waitFor();
  await page.getByLabel('Address or name of a model').fill('http://');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByText('model: found "http://", expected the address of a model folder').waitFor();
});

test('what computes is fetched again if it did not come, instead of being awaited forever', async () => {
  const { url } = await host(app);
  const page = await newPage(browser, { serviceWorkers: 'block' }); // whose requests could not be refused here
  await page.route(/assets\/worker-/, (route) => route.abort());
  await page.goto(`${url}?model=`); // an empty name is none
  await page.getByText(/The part that computes could not be fetched/).waitFor();
  await page.unroute(/assets\/worker-/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await untilLoaded(page);
});

test('the first paint takes few bytes', async () => {
  const page = await openApp();
  await untilLoaded(page);
  const bytes = await page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]!.startTime;
    const needed = [
      ...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource'),
    ];
    return (needed as PerformanceResourceTiming[])
      .filter(({ responseEnd }) => responseEnd > 0 && responseEnd <= paint)
      .reduce((sum, { transferSize }) => sum + transferSize, 0);
  });
  console.log(`bytes before the first paint, not compressed: ${bytes}`);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(60_000);
});

describe('for everyone', () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

  test.each<[string, Parameters<typeof newPage>[1]]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['a phone, light', { ...phone, colorScheme: 'light' }],
    ['a phone, dark', { ...phone, colorScheme: 'dark' }],
    ['a projector', { viewport: { width: 1920, height: 1080 } }],
    ['a page of 320 pixels, as at a zoom of 400 %', { viewport: { width: 320, height: 640 } }],
    ['forced colours', { forcedColors: 'active', colorScheme: 'dark' }],
    ['reduced motion and more contrast', { reducedMotion: 'reduce', contrast: 'more' }],
  ])('axe finds nothing serious, and nothing scrolls sideways: %s', async (_, options) => {
    const page = await openApp('?engine=single', options);
    await untilLoaded(page);
    for (const name of ['Write', 'Models', 'Learn', 'Inside']) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (name !== 'Models') await page.locator('button.main').first().waitFor();
      if (name === 'Write') await page.getByText('Chat', { exact: true }).click();
      if (name === 'Inside') await page.locator('canvas').nth(2).waitFor();
      expect(await seriousViolations(page), name).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
    }
  });

  test('everything can be done by keyboard', async () => {
    const page = await openApp();
    await untilLoaded(page);
    const reached: string[] = [];
    await page.locator('body').press('Tab');
    for (let presses = 0; presses < 14; presses++) {
      reached.push(
        await page.evaluate(
          () => document.activeElement?.textContent || document.activeElement?.ariaLabel || '',
        ),
      );
      await page.keyboard.press('Tab');
    }
    for (const wanted of ['Write', 'Learn', 'Inside', 'Your text, which the model continues', 'Go on'])
      expect(reached).toContain(wanted);
    await page.getByRole('link', { name: 'Inside' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Watch it compute' }).waitFor();
    // The page's own content comes next, not the menu again.
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main');
  });
});
