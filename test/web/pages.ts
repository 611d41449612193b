/** What tests do with the app's pages again and again. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { type Host, hostFolder } from './server.ts';

/** Serves a folder until the test ends. */
export async function host(folder: string, options = { isolated: true }): Promise<Host> {
  const found = await hostFolder(folder, options);
  onTestFinished(() => found.close());
  return found;
}

/** A page in a profile of its own, without a cache. An error on it fails the test. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(120_000); // a busy machine is no failure
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  onTestFinished(async () => {
    await context.close();
    expect(errors).toEqual([]);
  });
  return page;
}

export async function untilLoaded(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Go on' }).waitFor();
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Accessibility rules that the page breaks as it is now, if that is serious. */
export async function seriousViolations(page: Page) {
  await page.evaluate(await readFile(axe, 'utf8'));
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations.map(({ id, impact, nodes }) => ({
      ...{ id, impact },
      where: nodes.map(({ html }) => html),
    }));
  });
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
}

export async function engineOf(page: Page): Promise<string> {
  return (await page.getByTestId('engine').textContent()) ?? '';
}

/** What the model adds to a text, always taking the likeliest token. */
export async function continueGreedily(page: Page, prompt: string, tokens: number): Promise<string> {
  await page.getByText('How it writes').click();
  await page.getByLabel('Freedom').fill('0');
  await page.getByLabel('At most').fill(String(tokens));
  await page.getByLabel('Your text').fill(prompt);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(/^\d+ tokens, .* a second/).waitFor();
  return (await page.getByLabel('Your text').inputValue()).slice(prompt.length);
}
