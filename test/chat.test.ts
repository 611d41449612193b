/** `plusminus chat` on a terminal: keys are pressed, and what appears is read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

const program = join(import.meta.dirname, '../bin/plusminus.js');
const keys = { enter: '\r', up: '\x1b[A', ctrlC: '\x03', ctrlD: '\x04' };
/** As it is drawn: a model may write the characters alone. */
const prompt = '\x1b[0J> ';
let small: SmallModel;
let folder: string;

beforeAll(async () => {
  small = await makeSmallModel();
  folder = await mkdtemp(join(tmpdir(), 'plusminus-chat-'));
});
afterAll(async () => {
  await small?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** A chat on a terminal of its own, which `script` of util-linux makes. */
function startChat(...args: string[]) {
  const options = ['chat', '-m', small.folder, '--threads', '1', '-t', '0', ...args];
  const command = [process.execPath, program, ...options].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qfec', command, '/dev/null']);
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    screen += text;
  });
  const ended = once(child, 'close').then(([code]) => code as number);
  return {
    ended,
    screen: () => screen,
    press: (...pressed: string[]) => void child.stdin.write(pressed.join('')),
    /** Waits until `text` appears after `from`; returns where it ends. */
    async until(text: string | RegExp, from = 0): Promise<number> {
      const pattern =
        typeof text === 'string' ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')) : text;
      const found = () => pattern.exec(screen.slice(from));
      await expect.poll(() => found() !== null, { timeout: 20_000, message: `${text}` }).toBe(true);
      return from + found()!.index + found()![0].length;
    },
  };
}

describe.skipIf(process.platform !== 'linux')('chat on a terminal', () => {
  it('Ctrl-C stops the answer, not the chat; up brings a message back; help and Ctrl-D', async () => {
    // An answer without end: a model that knows neither an eos token nor a template.
    const endless = join(folder, 'endless');
    await cp(small.folder, endless, { recursive: true });
    const config = join(endless, 'tokenizer_config.json');
    const { chat_template: _, ...rest } = JSON.parse(await readFile(config, 'utf8'));
    await writeFile(config, JSON.stringify({ ...rest, eos_token: null }));
    const chat = startChat('-n', '1000000', '-m', endless);
    let at = await chat.until(prompt);
    chat.press('Who are you?', keys.enter);
    at = await chat.until(/you\?\r+\n[^>]{20}/, at);
    chat.press(keys.ctrlC);
    at = await chat.until(prompt, at); // it asks again
    chat.press(keys.up);
    at = await chat.until('Who are you?', at);
    chat.press(keys.ctrlC); // at the prompt: clears the line
    chat.press('/help', keys.enter);
    at = await chat.until('/load FILE', at);
    chat.press('/nonsense', keys.enter);
    at = await chat.until('/nonsense: no such command; /help lists them', at);
    chat.press(keys.ctrlD);
    expect(await chat.ended).toBe(0);
  }, 60_000);

  it('is saved, and continues another day with the same words', async () => {
    const file = join(folder, 'monday.chat');
    const answerTo = async (chat: ReturnType<typeof startChat>, message: string) => {
      const from = chat.screen().length;
      chat.press(message, keys.enter);
      const asked = await chat.until(/\?\r+\n/, from);
      await chat.until(prompt, asked);
      return chat.screen().slice(asked).split(/\r+\n/)[0];
    };
    const monday = startChat('-n', '8', '--session', file);
    await monday.until(prompt);
    await answerTo(monday, 'Who are you?');
    const copy = join(folder, 'copy');
    monday.press(`/save ${copy}`, keys.enter);
    await monday.until('Saved to');
    const expected = await answerTo(monday, 'And then?');
    monday.press('/state', keys.enter);
    await monday.until(/\d+ tokens; the state takes 1\.2 kB/);
    monday.press('/quit', keys.enter);
    expect(await monday.ended).toBe(0);

    const tuesday = startChat('-n', '8', '--session', file);
    await tuesday.until('Continuing after 4 messages.');
    tuesday.press(`/load ${copy}`, keys.enter);
    await tuesday.until('Continuing after 2 messages.');
    expect(await answerTo(tuesday, 'And then?')).toBe(expected);
    tuesday.press(`/load ${join(folder, 'nowhere')}`, keys.enter);
    await tuesday.until('no such file or folder');
    tuesday.press(keys.ctrlC);
    await tuesday.until('Ctrl-C again');
    tuesday.press(keys.ctrlC);
    expect(await tuesday.ended).toBe(0);
  }, 60_000);
});
