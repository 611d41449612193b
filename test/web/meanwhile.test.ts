/** What a reader does while something else has not ended yet: a model is coming, an answer is being kept or written. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { engineOf, host, newPage, untilLoaded } from './pages.ts';
import { hostSlowly } from './slowHost.ts';

const app = inject('app');
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

async function openTalk(url: string): Promise<Page> {
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single`);
  await untilLoaded(page);
  await page.getByText('Chat', { exact: true }).click();
  return page;
}

/** An answer of so many tokens, the likeliest, none of which ends it. */
async function limit(page: Page, tokens: number): Promise<void> {
  await page.getByText('How it writes').click();
  await page.getByLabel('At most').fill(String(tokens));
  await page.getByLabel('Freedom').fill('0');
  await page.getByText('How it writes').click();
}

async function say(page: Page, message: string): Promise<void> {
  await page.getByLabel('Message').fill(message);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
}

/** Sends a message, and clicks these in turn as soon as the answer has begun; from outside, it would have ended. */
async function inTheAnswer(page: Page, message: string, selectors: readonly string[]): Promise<void> {
  await page.getByLabel('Message').fill(message);
  await page.evaluate(async (selectors) => {
    const next = () => new Promise((resolve) => setTimeout(resolve));
    const click = (selector: string) => document.querySelector<HTMLElement>(selector)!.click();
    const texts = () => [...document.querySelectorAll('.turn.model > span:last-of-type')];
    const before = texts().length;
    click('.composer button');
    while (texts().length <= before || texts().at(-1)!.textContent === '') await next();
    for (const selector of selectors) {
      click(selector);
      await next();
    }
  }, selectors);
}

interface Kept {
  readonly name: string;
  readonly turns: readonly { readonly text: string }[];
  /** What the model was told and said; undefined without its state. */
  readonly told: readonly string[] | undefined;
}

/** The talks that the browser keeps, by name. */
function keptTalks(page: Page): Promise<Kept[]> {
  return page.evaluate(
    () =>
      new Promise<Kept[]>((resolve) => {
        const opening = indexedDB.open('plusminus');
        opening.onsuccess = () => {
          const all = opening.result.transaction('talks').objectStore('talks').getAll();
          all.onsuccess = () => {
            opening.result.close();
            const told = (saved?: string) =>
              saved && JSON.parse(saved).messages.map(({ content }: { content: string }) => content);
            const found = all.result.map(({ name, turns, saved }) => ({ name, turns, told: told(saved) }));
            resolve(found.sort((a, b) => a.name.localeCompare(b.name)));
          };
        };
      }),
  );
}

/** What was said in each, shortened. */
const words = (talks: readonly Kept[]) => talks.map(({ turns }) => turns.map(({ text }) => text.slice(0, 4)));

test('the model is told a message once, whether it waited for the model or began a new talk', async () => {
  const slow = await hostSlowly(app, { bytesPerSecond: 2_000_000, latency: 50 });
  onTestFinished(() => slow.close());
  const page = await newPage(browser);
  await page.goto(`${slow.url}?engine=single`);
  await page.getByRole('button', { name: 'Who are you?' }).click();
  await page.getByText('Chat', { exact: true }).click(); // this small model has no template of its own
  await page.getByText(/\d+ tokens?, .* a second/).waitFor();
  await page.getByRole('button', { name: 'New talk' }).click();
  await limit(page, 20);
  await say(page, 'And now?');
  const isWhole = ({ turns, told }: Kept) => told?.join('|') === turns.map(({ text }) => text).join('|');
  await expect.poll(async () => (await keptTalks(page)).map(isWhole)).toEqual([true, true]);
  expect((await keptTalks(page)).map(({ name }) => name)).toEqual(['And now?', 'Who are you?']);
});

test('an engine that is chosen while the model is coming takes its place, without an error', async () => {
  const slow = await hostSlowly(app, { bytesPerSecond: 1_000_000, latency: 50 });
  onTestFinished(() => slow.close());
  const page = await newPage(browser);
  await page.goto(`${slow.url}?engine=threads`);
  await page.getByText(/Fetching the model: /).waitFor();
  await page.locator('.choices select').selectOption('single');
  await untilLoaded(page);
  expect(await engineOf(page)).toBe('WebAssembly, one thread');
  expect(await page.getByRole('alert').count()).toBe(0);
});

test('an answer that is stopped touches neither the talk that is opened at once nor the next message', async () => {
  const page = await openTalk((await host(app)).url);
  await limit(page, 20);
  await say(page, 'One.');
  await page.getByRole('button', { name: 'New talk' }).click();
  await limit(page, 4000);
  // By name: the talk that is stopped may come first on the shelf before it is left.
  await inTheAnswer(page, 'Two.', ['.composer button', '.shelf li:has([aria-label*="One."]) button']);
  await expect
    .poll(async () => words(await keptTalks(page)))
    .toEqual([
      ['One.', ' the'],
      ['Two.', ' the'],
    ]);
  await inTheAnswer(page, 'Three', ['.composer button']);
  await say(page, 'Four');
  const all = [
    ['One.', ' the', 'Thre', ' the', 'Four', ' the'],
    ['Two.', ' the'],
  ];
  await expect.poll(async () => words(await keptTalks(page))).toEqual(all);
});

test('another answer that is asked for twice comes once, and a draft stays', async () => {
  const page = await openTalk((await host(app)).url);
  await limit(page, 20);
  await say(page, 'One.');
  await page.getByLabel('Message').fill('half of the ne');
  const again = page.getByRole('button', { name: 'Another answer' });
  await again.evaluate((button: HTMLElement) => {
    button.click();
    button.click();
  });
  await again.waitFor();
  await expect.poll(async () => words(await keptTalks(page))).toEqual([['One.', ' the']]);
  expect(await page.getByLabel('Message').inputValue()).toBe('half of the ne');
});

test('an engine that is chosen during an answer loses no turn, and what is erased then is gone', async () => {
  const page = await openTalk((await host(app)).url);
  await limit(page, 20);
  await say(page, 'One.');
  await limit(page, 4000);
  await page.evaluate(() => {
    document.querySelector('.choices select')!.addEventListener('click', ({ currentTarget }) => {
      (currentTarget as HTMLSelectElement).value = 'threads';
      (currentTarget as HTMLSelectElement).dispatchEvent(new Event('change'));
    });
  });
  await inTheAnswer(page, 'Two.', ['.choices select']);
  await page.getByText(/WebAssembly, \d/).waitFor();
  await limit(page, 20);
  await say(page, 'Three');
  const turns = [['One.', ' the', 'Two.', ' the', 'Thre', ' the']];
  await expect.poll(async () => words(await keptTalks(page))).toEqual(turns);
  await expect.poll(async () => (await keptTalks(page))[0]!.told?.length).toBe(6);

  await limit(page, 4000);
  await page.getByText(/^Your talks/).click();
  await page.getByRole('button', { name: 'Erase everything' }).click();
  await inTheAnswer(page, 'Four', ['.shelf p button']);
  await page.getByText('Everything is erased.').waitFor();
  await say(page, 'Five'); // what was asked of the worker before has ended
  await expect.poll(async () => words(await keptTalks(page))).toEqual([['Five', ' the']]);
});

test('a page that is reloaded during an answer has the message, the answer so far and the next draft', async () => {
  const page = await openTalk((await host(app)).url);
  await limit(page, 4000);
  await page.evaluate(() => {
    document.querySelector('.brand')!.addEventListener('click', (event) => {
      event.preventDefault();
      const area = document.querySelector<HTMLTextAreaElement>('.composer textarea')!;
      area.value = 'half of the ne';
      area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      location.reload();
    });
  });
  await inTheAnswer(page, 'Tell me a story.', ['.brand']).catch(() => {}); // its own page is gone
  await untilLoaded(page);
  await page.getByText('Chat', { exact: true }).click();
  expect(await page.getByLabel('Message').inputValue()).toBe('half of the ne');
  await expect.poll(async () => words(await keptTalks(page))).toEqual([['Tell', ' the']]);
  await page.getByRole('log').getByText('Tell me a story.').waitFor();
});

test('two tabs follow each other, and neither overwrites what is written in the other', async () => {
  const { url } = await host(app);
  const one = await openTalk(url);
  const other = await one.context().newPage();
  await other.goto(`${url}?engine=single`);
  await untilLoaded(other);
  await limit(one, 20);
  await say(one, 'One.');
  await one.getByText('Continue a text').click();
  await one.getByLabel('Your text').fill('Call me Ishmael');
  await one.getByLabel('Your text').blur();
  await other.getByText('Your texts: 1').click();
  await other.getByRole('button', { name: 'Open' }).click();
  await one.getByLabel('Your text').fill('Call me Ishmael, said one');
  await one.getByLabel('Your text').blur();
  await expect.poll(() => other.getByLabel('Your text').inputValue()).toBe('Call me Ishmael, said one');
  await other.getByLabel('Your text').fill('Call me Ahab');
  await one.getByLabel('Your text').fill('Call me Ishmael, said one again');
  await one.getByLabel('Your text').blur();
  await other.getByText('Your texts: 1').waitFor();
  await other.getByLabel('Your text').blur();
  await one.getByText('Your texts: 2').waitFor();
  expect(await one.getByLabel('Your text').inputValue()).toBe('Call me Ishmael, said one again');
  await other.getByText('Chat', { exact: true }).click();
  await other.getByText('Your talks: 1').waitFor();
});

test('the second click of a double click does nothing to what the first brought under it', async () => {
  const page = await openTalk((await host(app)).url);
  await limit(page, 20);
  for (const message of ['One.', 'Two.', 'Three']) {
    await say(page, message);
    await page.getByRole('button', { name: 'New talk' }).click();
  }
  const doubleClick = async (name: string, then: () => Promise<unknown>) => {
    const { x, y } = (await page.getByRole('button', { name }).first().boundingBox())!;
    await page.mouse.move(x + 5, y + 5);
    for (const clickCount of [1, 2]) {
      await page.mouse.down({ clickCount });
      await page.mouse.up({ clickCount });
      await then();
    }
  };
  await page.getByText('Your talks: 3').click();
  await doubleClick('Delete', () => page.getByText('Your talks: 2').waitFor());
  await doubleClick('Erase everything', () => page.getByRole('button', { name: 'Really erase' }).waitFor());
  await expect
    .poll(async () => words(await keptTalks(page)))
    .toEqual([
      ['One.', ' the'],
      ['Two.', ' the'],
    ]);
});

test('what is watched inside stops when the reader leaves, so that the worker is free for what comes next', async () => {
  const { url } = await host(app);
  const page = await newPage(browser);
  await page.goto(`${url}?engine=single#inside`);
  await page.getByLabel('Pace').selectOption('slow'); // its tokens would take minutes
  await page.getByRole('button', { name: 'Watch' }).click();
  await expect.poll(() => page.getByTestId('tokens').textContent()).toMatch(/^Once/);
  await page.getByRole('link', { name: 'Write', exact: true }).click();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(/^\d+ tokens, .* a second/).waitFor();
});
