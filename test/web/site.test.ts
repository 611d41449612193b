/** The site as a host, a phone's home screen, a link and a presenter meet it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { openBrowser } from './browser.ts';
import { newPage, untilLoaded } from './pages.ts';
import { asSent, hostSlowly } from './slowHost.ts';

const app = inject('app');
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

/** Width and height, which stand at the beginning of a PNG file. */
async function sizeOf(file: string): Promise<string> {
  const bytes = await readFile(join(app, file));
  expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  return `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`;
}

describe('pictures', () => {
  test('icons have the sizes that the manifest and iOS ask for', async () => {
    const { icons } = JSON.parse(await readFile(join(app, 'manifest.webmanifest'), 'utf8'));
    const drawn = icons.filter(({ type }: { type: string }) => type === 'image/png');
    expect(drawn.length).toBe(3);
    for (const { src, sizes } of drawn) expect(await sizeOf(src)).toBe(sizes);
    const html = await readFile(join(app, 'index.html'), 'utf8');
    const [, touch] = /rel="apple-touch-icon" href="\.\/([^"]+)"/.exec(html)!;
    expect(await sizeOf(touch!)).toBe('180x180');
  });

  test('links to the page have a card of the size that they say', async () => {
    const html = await readFile(join(app, 'index.html'), 'utf8');
    const content = (name: string) => new RegExp(`property="${name}"\\s+content="([^"]+)"`).exec(html)![1]!;
    expect(await sizeOf(content('og:image').replace('./', ''))).toBe(
      `${content('og:image:width')}x${content('og:image:height')}`,
    );
  });
});

test('the folder serves itself to a presenter, with threads, and nothing outside it', async () => {
  const server = spawn(process.execPath, [join(app, 'present.mjs'), '0'], { cwd: '/' });
  onTestFinished(async () => {
    server.kill();
    await once(server, 'exit');
  });
  const [said] = (await once(server.stdout, 'data')) as [Buffer];
  const [url] = /http:\/\/localhost:\d+\//.exec(said.toString())!;
  const page = await newPage(browser);
  await page.goto(url);
  await untilLoaded(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const outside = await new Promise<number>((resolve) => {
    get({ port: new URL(url).port, host: '127.0.0.1', path: '/../../etc/hostname' }, (response) =>
      resolve(response.statusCode!),
    );
  });
  expect(outside).toBe(404);
});

/** What a visit takes with the bundled chat, bytes: 14.15 MB of model, the app, and a book to learn from without a network. */
const maxBytes = 14.5e6;

test('on a slow line there is text first, progress in megabytes, and something to do meanwhile', async () => {
  const slow = await hostSlowly(app, { bytesPerSecond: 180_000, latency: 560 });
  onTestFinished(() => slow.close());
  const page = await newPage(browser);
  await page.goto(slow.url, { waitUntil: 'commit' });
  await page
    .getByText('Loading…')
    .or(page.getByRole('heading', { level: 1 }))
    .first()
    .waitFor();
  const beforeText = [...slow.sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  await page.getByText(/Fetching the model: [\d.]+ of 1\.\d MB/).waitFor();
  await page.getByRole('button', { name: 'Who are you?' }).click();
  await page.getByText('It answers as soon as it is here.').waitFor();
  await page.getByRole('link', { name: 'train a model of your own' }).click();
  await page.getByRole('button', { name: 'Take Moby-Dick' }).waitFor();
  await page.getByRole('link', { name: 'Write', exact: true }).click();
  await page.getByText('Chat', { exact: true }).click(); // this small model has no template of its own
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
  const paint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]!.startTime,
  );
  console.log(`first text after ${Math.round(paint)} ms and ${beforeText} bytes`);
  const own = [...slow.sent].filter(([path]) => !path.includes('/models/'));
  const appBytes = own.reduce((sum, [, bytes]) => sum + bytes, 0);
  const total = appBytes + (await bytesOf(join(modelsFolder, 'chat')));
  console.log(`${own.length} files of the app, ${appBytes} bytes; with the bundled chat ${total}`);
  expect(total).toBeLessThan(maxBytes);
});

/** Of a model as a host sends it. */
async function bytesOf(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => /\.(json|safetensors)$/.test(name));
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.reduce((sum, file, k) => sum + asSent(names[k]!, file).length, 0);
}
