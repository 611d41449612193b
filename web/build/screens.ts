/**
 * The pictures of the app in docs: `npm run screens` builds the app, opens each view with the bundled chat, and writes
 * docs/screens (apt-get install chromium, or CHROMIUM=path). A browser test fails when views have changed since.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { hostFolder } from '../../test/web/server.ts';
import { hashOfStyles, type Outlines, outlineOf, screensFolder, type View, views } from './views.ts';

const quality = 0.72;

/** As WebP, which Chromium draws but does not write as a screenshot. */
async function asWebp(page: Page, png: Buffer): Promise<Buffer> {
  const base64 = await page.evaluate(
    async ({ png, quality }) => {
      const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
      const picture = await createImageBitmap(new Blob([bytes]));
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [picture.width, picture.height];
      canvas.getContext('2d')!.drawImage(picture, 0, 0);
      return canvas.toDataURL('image/webp', quality).split(',')[1]!;
    },
    { png: png.toString('base64'), quality },
  );
  return Buffer.from(base64, 'base64');
}

async function take(browser: Browser, url: string, view: View): Promise<readonly string[]> {
  const { name, width, height, hash, reach, show } = view;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: 'light' });
  page.setDefaultTimeout(120_000);
  await page.goto(url + hash);
  await reach(page);
  const outline = await outlineOf(page);
  await show?.(page);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await writeFile(new URL(`${name}.webp`, screensFolder), await asWebp(page, await page.screenshot()));
  await page.close();
  return outline;
}

const site = await mkdtemp(join(tmpdir(), 'plusminus-screens-'));
await build({
  configFile: new URL('../vite.config.ts', import.meta.url).pathname,
  logLevel: 'warn',
  build: { outDir: site, emptyOutDir: true },
});
const host = await hostFolder(site, { isolated: true });
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const found: Record<string, readonly string[]> = {};
for (const view of views) {
  found[view.name] = await take(browser, host.url, view);
  console.log(`${view.name}: ${found[view.name]!.length} parts`);
}
const outlines: Outlines = { styles: await hashOfStyles(), views: found };
await writeFile(new URL('outlines.json', screensFolder), `${JSON.stringify(outlines, undefined, 2)}\n`);
await browser.close();
await host.close();
await rm(site, { recursive: true });
