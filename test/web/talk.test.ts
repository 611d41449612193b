/** Talking in the app: what a visitor does in the first minutes, and what may go wrong then. */
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { host, newPage, seriousViolations, untilLoaded } from './pages.ts';

const app = inject('app');
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

async function openTalk(options: Parameters<typeof newPage>[1] = {}): Promise<Page> {
  const { url } = await host(app);
  const page = await newPage(browser, options);
  await page.goto(`${url}?engine=single`);
  await startTalk(page);
  return page;
}

async function startTalk(page: Page): Promise<void> {
  await untilLoaded(page);
  await page.getByText('Chat', { exact: true }).click();
}

/** Sets the limit of an answer, in tokens. */
async function limit(page: Page, tokens: number): Promise<void> {
  await page.getByText('How it writes').click();
  await page.getByLabel('At most').fill(String(tokens));
  await page.getByText('How it writes').click();
}

async function say(page: Page, message: string): Promise<void> {
  await page.getByLabel('Message').fill(message);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
  await page.getByRole('button', { name: 'Send' }).waitFor();
}

const turns = (page: Page) => page.getByRole('log').locator('.turn');

describe('an answer', () => {
  test('that ends at the limit says so, and continues where it ended', async () => {
    const page = await openTalk();
    await limit(page, 20);
    await say(page, 'Where is the whale?');
    await page.getByText(/The answer ends here/).waitFor();
    const before = (await turns(page).last().locator('span').nth(1).textContent())!;
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect
      .poll(async () => (await turns(page).last().locator('span').nth(1).textContent())!.length)
      .toBeGreaterThan(before.length);
    expect((await turns(page).last().textContent())!).toContain(before);
    expect(await turns(page).count()).toBe(2);
  });

  test('is generated again, and a message is edited', async () => {
    const page = await openTalk();
    await limit(page, 20);
    await say(page, 'Where is the whale?');
    await page.getByRole('button', { name: 'Another answer' }).click();
    await page.getByRole('button', { name: 'Another answer' }).waitFor();
    await expect.poll(() => turns(page).count()).toBe(2);
    await page.getByRole('button', { name: 'Edit' }).click();
    await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('Where is the whale?');
    expect(await turns(page).count()).toBe(0);
  });

  test('is followed at the end of the talk only, and leaves a selection alone', async () => {
    const page = await openTalk();
    await limit(page, 400);
    await say(page, 'First.');
    await page.evaluate(() => {
      const text = document.querySelector('.turn.you span:not(.unseen)')!;
      getSelection()!.selectAllChildren(text);
      const log = document.querySelector('.turns')!;
      log.scrollTop = 0;
      log.dispatchEvent(new Event('scroll'));
    });
    const top = () => page.evaluate(() => [document.querySelector('.turns')!.scrollTop, scrollY]);
    const before = await top();
    await page.getByLabel('Message').evaluate((area: HTMLTextAreaElement) => {
      area.value = 'Second.';
      area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      area.form!.requestSubmit();
    });
    await expect.poll(() => turns(page).count()).toBe(4);
    await page.getByText(/\d+ tokens?, .* a second/).waitFor();
    expect(await top()).toEqual(before);
    expect(await page.evaluate(() => String(getSelection()))).toBe('First.');
  });

  test('is read out once, as a whole', async () => {
    const page = await openTalk();
    await limit(page, 20);
    await say(page, 'Where is the whale?');
    expect(await page.getByRole('log').getAttribute('aria-live')).toBe('off');
    const spoken = (await page.getByTestId('spoken').textContent())!.trim();
    expect(spoken.length).toBeGreaterThan(3);
    expect(await turns(page).last().textContent()).toContain(spoken);
  });
});

test('a long message that is stopped while it is read comes back to its field', async () => {
  const page = await openTalk();
  const long = 'The whale swims. '.repeat(6000);
  await page.getByLabel('Message').fill(long);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/Reading: \d+%/).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => page.getByLabel('Message').inputValue()).toBe(long.trim());
  expect(await turns(page).count()).toBe(0);
  expect(await page.locator('.cursor').count()).toBe(0);
  await limit(page, 20);
  await say(page, 'Hello');
  expect(await turns(page).count()).toBe(2);
});

test('a talk survives a reload, has a name, and is exported and erased', async () => {
  const page = await openTalk();
  await limit(page, 20);
  await say(page, 'My name is\nIshmael.');
  await page.getByText(/^Your talks/).click();
  await page.getByLabel('Name of the talk “My name is Ishmael.”').waitFor(); // in one line, as its file needs it
  const said = await turns(page).allTextContents();
  await page.reload();
  await startTalk(page);
  await expect.poll(() => turns(page).allTextContents()).toEqual(said);
  await limit(page, 20);
  await say(page, 'And now?');
  expect(await turns(page).count()).toBe(4);
  await page.getByText(/^Your talks/).click();
  await page.getByLabel(/^Name of the talk/).fill('Whales');
  await page.getByLabel(/^Name of the talk/).press('Enter');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('Whales.md');
  expect(await readFile((await file.path())!, 'utf8')).toMatch(
    /^# Whales\n\n\*\*You:\*\* My name is\nIshmael\./,
  );
  await page.getByRole('button', { name: 'Erase everything' }).click();
  await page.getByRole('button', { name: 'Really erase' }).click();
  await expect.poll(() => turns(page).count()).toBe(0);
  await page.reload();
  await startTalk(page);
  expect(await turns(page).count()).toBe(0);
});

test('another model begins another talk, and says where the old one is', async () => {
  const site = await mkdtemp(join(tmpdir(), 'plusminus-site-'));
  onTestFinished(() => rm(site, { recursive: true }));
  await cp(app, site, { recursive: true });
  await cp(join(site, 'models/small'), join(site, 'models/other'), { recursive: true });
  await writeFile(join(site, 'models.json'), JSON.stringify(['small', 'other']));
  const { url } = await host(site);
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await startTalk(page);
  await limit(page, 20);
  await say(page, 'Where is the whale?');
  await page.locator('.choices select').last().selectOption('other');
  await page
    .getByText(/A new talk: other was not there in the one with small, which is kept below/)
    .waitFor();
  expect(await turns(page).count()).toBe(0);
  await page.getByText('Your talks: 1').waitFor();
});

describe('on a phone', () => {
  test('the talk begins near the top, and the field stays in sight above a keyboard', async () => {
    const page = await openTalk(phone);
    await limit(page, 60);
    await say(page, 'Where is the whale?');
    await page.evaluate(() => scrollTo(0, 0));
    expect((await page.getByRole('log').boundingBox())!.y).toBeLessThan(160);
    await page.setViewportSize({ width: 390, height: 460 }); // what a keyboard leaves
    for (const element of [page.getByLabel('Message'), page.getByRole('button', { name: 'Send' })]) {
      const { y, height } = (await element.boundingBox())!;
      expect(y).toBeGreaterThan(0);
      expect(y + height).toBeLessThanOrEqual(460);
    }
    expect((await page.getByRole('log').boundingBox())!.height).toBeGreaterThan(90);
    expect(await seriousViolations(page)).toEqual([]);
  });

  test('Enter breaks the line', async () => {
    const page = await openTalk(phone);
    await page.getByLabel('Message').fill('one');
    await page.getByLabel('Message').press('Enter');
    expect(await page.getByLabel('Message').inputValue()).toBe('one\n');
    expect(await turns(page).count()).toBe(0);
  });
});

describe('where something is missing', () => {
  test('an open page of an old version still gets its own files', async () => {
    const site = await copyOf(app);
    const { url } = await host(site);
    const page = await newPage(browser);
    await page.goto(url);
    await untilLoaded(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await replaceVersion(site);
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
    await expect.poll(() => page.evaluate(async () => (await caches.keys()).join())).toContain('newversion');
    await page.getByRole('link', { name: 'Learn' }).click();
    await page.getByRole('heading', { name: 'Train one on your own text' }).waitFor();
  });

  test('a page whose files are gone says so instead of loading forever', async () => {
    const site = await copyOf(app);
    const { url } = await host(site);
    const page = await newPage(browser, { serviceWorkers: 'block' });
    await page.goto(url);
    await untilLoaded(page);
    await rm(join(site, 'assets', await chunk(site, 'learn')));
    await page.getByRole('link', { name: 'Learn' }).click();
    await page.getByText(/could not be fetched/).waitFor();
    await page.getByRole('button', { name: 'Reload' }).waitFor();
  });

  test('blocked site data does not keep the page from starting', async () => {
    const { url } = await host(app, { isolated: false });
    const page = await newPage(browser, { serviceWorkers: 'block' });
    await page.addInitScript(() => {
      for (const name of ['sessionStorage', 'localStorage', 'indexedDB', 'caches']) {
        Object.defineProperty(globalThis, name, {
          get() {
            throw new DOMException('The operation is insecure.', 'SecurityError');
          },
        });
      }
    });
    await page.goto(`${url}?engine=single`);
    await startTalk(page);
    await limit(page, 20);
    await say(page, 'Hello');
    await page.getByText(/^Your talks/).click();
    await page.getByText(/keeps nothing for this page/).waitFor();
    await page.getByRole('button', { name: 'Erase everything' }).click();
    await page.getByRole('button', { name: 'Really erase' }).click();
    await page.getByText('Everything is erased.').waitFor();
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await page.getByRole('heading', { name: 'Published models' }).waitFor();
  });

  test('a GPU that is missing is named without the command line', async () => {
    const { url } = await host(app);
    const page = await newPage(browser);
    await page.goto(`${url}?engine=gpu`);
    await untilLoaded(page);
    const note = (await page.getByText(/WebGPU did not start here/).textContent())!;
    expect(note).not.toContain('--engine');
  });

  test('a download that breaks is tried again from where it broke', async () => {
    const { url, ranges } = await breakingHost(app);
    const page = await newPage(browser);
    await page.goto(url);
    await page.getByText(/the connection broke after \d+ of \d+ bytes/).waitFor();
    expect(await page.getByText(/No model came with this page/).count()).toBe(0);
    await page.getByRole('button', { name: 'Try again' }).click();
    await untilLoaded(page);
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('without a network and without a kept model the page says what failed', async () => {
    const { url, close } = await host(app);
    const page = await newPage(browser);
    await page.goto(`${url}#learn`);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await close();
    await page.getByRole('link', { name: 'Write' }).click();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    expect(await page.getByText(/No model came with this page/).count()).toBe(0);
    expect(await page.getByText(/works without a network/).count()).toBe(0);
  });
});

describe('texts to learn', () => {
  test.each([
    ['Latin-1', Buffer.from('Caf\xe9 au lait. '.repeat(400), 'latin1'), /Café/, /read as Latin-1/],
    ['UTF-16', Buffer.from(`\ufeff${'Café au lait. '.repeat(400)}`, 'utf16le'), /Café/, /read as utf-16le/],
  ])('%s is read as what it is', async (_, buffer, content, note) => {
    const page = await openLearn();
    await page.getByLabel('Open a file').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer });
    await page.getByText(note).waitFor();
    expect(await page.getByLabel('The text to learn').last().inputValue()).toMatch(content);
  });

  test('a binary file is refused, and a huge one is cut', async () => {
    const page = await openLearn();
    const binary = Buffer.from(Uint8Array.from({ length: 5000 }, (_, k) => (k * 97) % 256));
    await page
      .getByLabel('Open a file')
      .setInputFiles({ name: 'a.bin', mimeType: 'text/plain', buffer: binary });
    await page.getByText(/not text/).waitFor();
    const huge = Buffer.from('The whale swims in the sea. '.repeat(400_000));
    await page
      .getByLabel('Open a file')
      .setInputFiles({ name: 'b.txt', mimeType: 'text/plain', buffer: huge });
    await page.getByText(/the first 8 of 11 MB/).waitFor();
    expect((await page.getByLabel('The text to learn').last().inputValue()).length).toBeLessThan(3000);
  });

  async function openLearn(): Promise<Page> {
    const { url } = await host(app);
    const page = await newPage(browser);
    await page.goto(`${url}#learn`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    return page;
  }
});

async function copyOf(folder: string): Promise<string> {
  const site = await mkdtemp(join(tmpdir(), 'plusminus-site-'));
  onTestFinished(() => rm(site, { recursive: true }));
  await cp(folder, site, { recursive: true });
  return site;
}

async function chunk(site: string, name: string): Promise<string> {
  return (await readdir(join(site, 'assets'))).find((file) => file.startsWith(`${name}-`))!;
}

/** Publishes another version: the service worker's, and a page whose part has another name. */
async function replaceVersion(site: string): Promise<void> {
  const old = await chunk(site, 'learn');
  await rm(join(site, 'assets', old));
  await writeFile(join(site, 'assets/learn-another.js'), 'export default () => null;');
  const worker = join(site, 'serviceWorker.js');
  const code = (await readFile(worker, 'utf8'))
    .replace(/\b[0-9a-f]{16}\b/, 'newversion')
    .replaceAll(old, 'learn-another.js');
  await writeFile(worker, code);
}

/** A host that breaks the connection in the middle of the first download of the weights. */
async function breakingHost(folder: string): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const types: Record<string, string> = {
    html: 'text/html',
    js: 'text/javascript',
    css: 'text/css',
    wasm: 'application/wasm',
  };
  const server = createServer(async (request, response) => {
    const path = join(
      folder,
      request.url === '/' ? 'index.html' : new URL(request.url!, 'http://x').pathname,
    );
    if (!(await stat(path).catch(() => undefined))?.isFile()) return response.writeHead(404).end();
    const content = await readFile(path);
    const type = types[path.split('.').at(-1)!] ?? 'application/octet-stream';
    const usual = {
      'content-type': type,
      etag: '"1"',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    };
    if (!path.endsWith('.safetensors') || request.method === 'HEAD') {
      return response
        .writeHead(200, { ...usual, 'content-length': content.length })
        .end(request.method === 'HEAD' ? '' : content);
    }
    ranges.push(request.headers.range);
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0) {
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      return response
        .writeHead(206, { ...usual, 'content-range': range, 'content-length': content.length - start })
        .end(content.subarray(start));
    }
    response.writeHead(200, { ...usual, 'content-length': content.length });
    response.write(content.subarray(0, content.length >> 1), () => setTimeout(() => response.destroy(), 300));
    return response;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ranges };
}
