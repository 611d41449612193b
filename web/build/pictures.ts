/**
 * The pictures of the app from its icon: `npx node web/build/pictures.ts` writes icons and the card of links to
 * web/public. Chromium draws them (apt-get install chromium, or CHROMIUM=path).
 */
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const folder = new URL('../public/', import.meta.url);
const icon = await readFile(new URL('icon.svg', folder), 'utf8');
/** Systems cut their own corners and masks: the sign stays within the middle 80 %. */
const whole = icon.replace(' rx="14"', '');
const inset = `<div style="background:#1d1b18;display:grid;place-items:center;height:100vh">
  <div style="width:80vw">${whole}</div></div>`;

const row = [1, 0, -1, 1, 1, 0, -1, 0, 1, -1, -1, 1, 0, 0, 1, -1, 1, 0, -1, 1, 0, 1, -1, 0];
const colours = { '-1': '#1d5c8f', '0': '#b9b4a8', '1': '#b03a16' } as const;
const sign = { '-1': '−1', '0': '0', '1': '+1' } as const;
const cells = row.map((value) => {
  const key = String(value) as keyof typeof colours;
  return `<b style="color:${colours[key]}">${sign[key]}</b>`;
});
const card = `<div style="height:100vh;box-sizing:border-box;padding:72px 84px;background:#fbfaf6;color:#1d1b18;
  font-family:Georgia,'DejaVu Serif',serif;display:flex;flex-direction:column;justify-content:space-between">
  <div style="font-size:34px;font-weight:700">± PlusMinus</div>
  <div style="font-size:82px;line-height:1.12">A language model that<br>only adds and subtracts</div>
  <div style="font:30px 'DejaVu Sans Mono',monospace;display:flex;justify-content:space-between">${cells.slice(0, 14).join('')}</div>
  <div style="font:30px 'DejaVu Sans',sans-serif;color:#57534a">In your browser: talk to it, train one, watch it compute.</div>
</div>`;

const pictures = [
  ['icon-180.png', 180, 180, whole],
  ['icon-192.png', 192, 192, icon],
  ['icon-512.png', 512, 512, icon],
  ['icon-maskable-512.png', 512, 512, inset],
  ['card.png', 1200, 630, card],
] as const;

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
for (const [name, width, height, body] of pictures) {
  const page = await browser.newPage({ viewport: { width, height } });
  await page.setContent(`<style>*{margin:0}svg{display:block;width:100%}</style>${body}`);
  await page.screenshot({ path: new URL(name, folder).pathname, omitBackground: true });
  await page.close();
}
await browser.close();
