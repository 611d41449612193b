/** The views of the app that docs show: where each is, what is done there, and an outline that says whether it has changed. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';

export interface View {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly hash: string;
  /** Until the view is there, whatever the model. */
  readonly reach: (page: Page) => Promise<void>;
  /** What is done for the picture: the model writes, so that this is no part of the outline. */
  readonly show?: (page: Page) => Promise<void>;
}

const desk = { width: 1200, height: 800 } as const;
const phone = { width: 390, height: 844 } as const;

const untilLoaded = (page: Page) => page.locator('button.main').first().waitFor();

async function chat(page: Page): Promise<void> {
  await untilLoaded(page);
  await page.getByText('Chat', { exact: true }).click(); // a model without a template opens in the other mode
}

async function text(page: Page): Promise<void> {
  await untilLoaded(page);
  await page.getByText('Continue a text', { exact: true }).click();
}

/** The talk of the picture: what a visitor may say first. */
async function talk(page: Page): Promise<void> {
  for (const message of [
    'Who are you?',
    'My name is Mia and I like owls.',
    'What is 7 + 5?',
    'What do I like?',
  ])
    await said(page, message);
}

async function said(page: Page, message: string): Promise<void> {
  await page.getByLabel('Message').fill(message);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
  await page.getByRole('button', { name: 'Send' }).waitFor();
}

async function trained(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Take Moby-Dick' }).click();
  await page.getByLabel('Steps').selectOption('100');
  await page.getByRole('button', { name: 'Train' }).click();
  await page.getByText('Done: 100 steps.').waitFor({ timeout: 300_000 });
}

async function wrote(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
}

const atStop = async (page: Page) => {
  await page.getByTestId('stop').waitFor();
  await page.locator('.weights canvas').waitFor(); // the last of what the page asks the model for
};

const tourOnTop = (page: Page) => page.locator('.tour').evaluate((tour) => tour.scrollIntoView());

async function halfOfTheRow(page: Page): Promise<void> {
  await page.getByLabel('Weights used').fill('64');
  await page.getByLabel('The same with multiplications').check();
  await tourOnTop(page);
}

const sentence = 'text=Once+upon+a+time+there+was+a&layer=3&row=7';

export const views: readonly View[] = [
  { name: 'first', ...desk, hash: '#write', reach: chat },
  { name: 'talk', ...desk, hash: '#write', reach: chat, show: talk },
  { name: 'text', ...desk, hash: '#write', reach: text, show: wrote },
  { name: 'learn', ...desk, hash: '#learn', reach: untilLoaded, show: trained },
  {
    name: 'models',
    ...desk,
    hash: '#models',
    reach: (page) => page.getByRole('heading', { name: 'Published models' }).waitFor(),
  },
  { name: 'inside', ...desk, hash: `#inside?${sentence}&step=4`, reach: atStop, show: halfOfTheRow },
  { name: 'phone', ...phone, hash: '#write', reach: chat, show: talk },
  { name: 'phone-inside', ...phone, hash: `#inside?${sentence}&step=6`, reach: atStop, show: tourOnTop },
];

/**
 * What a reader finds in the view, without what the model wrote and without numbers, so that it is the same for every
 * model and machine: headings, controls and their names, in order.
 */
export function outlineOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const parts = 'h1,h2,legend,summary,a[href],button,input,select,textarea,canvas,table,label';
    const ofModel = '.candidates, .footer, .shelf, .list, .loading, .limits, .tokens';
    const found = [...document.querySelectorAll(parts)].filter((element) => {
      return element.checkVisibility() && !element.closest(ofModel);
    });
    return found.map((element) => {
      const name =
        element.getAttribute('aria-label') ?? (element.children.length === 0 ? element.textContent : '');
      const words = (name ?? '').replace(/[−\d][\d.,]*/g, '#').trim();
      return `${element.localName} ${words}`.trim();
    });
  });
}

/** Colours, sizes and places of everything. */
export async function hashOfStyles(): Promise<string> {
  const css = await readFile(new URL('../src/style.css', import.meta.url));
  return createHash('sha256').update(css).digest('hex').slice(0, 16);
}

export const screensFolder = new URL('../../docs/screens/', import.meta.url);

/** `docs/screens/outlines.json`: what the pictures show. */
export interface Outlines {
  readonly styles: string;
  readonly views: Readonly<Record<string, readonly string[]>>;
}
