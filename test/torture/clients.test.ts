/**
 * 64 clients of a server that may take a gigabyte, 16 of them hostile: it gives no wrong answer, stays within its
 * memory, serves every good client and is whole afterwards.
 */
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { LanguageModel } from '../../src/index.ts';
import { textOf } from '../../src/serve/testing.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { startServe } from '../serveProcess.ts';
import { makeSmallModel } from '../smallModel.ts';
import { budget, record, seed } from './budget.ts';
import { attacks } from './hostileClients.ts';

const [goodClients, hostileClients] = [48, 16];
const maxMegabytes = 1000;

interface Counts {
  answered: number;
  /** With 429 or 503. */
  refused: number;
  wrong: number;
  failed: number;
  readonly seconds: number[];
}

const noCounts = (): Counts => ({ answered: 0, refused: 0, wrong: 0, failed: 0, seconds: [] });

/** Requests and the answers that the library gives to them. */
async function questions(folder: string) {
  const model = await LanguageModel.load(folder, { threads: 0 });
  const prompts = ['Call me', 'The whale', 'It was the white whale, and nobody '.repeat(8), 'x'];
  const all = prompts.flatMap((prompt) => [
    { prompt, temperature: 0, max_tokens: 12 },
    { prompt, temperature: 1.1, seed: 7, max_tokens: 20 },
  ]);
  const asked = [];
  for (const body of all) {
    const { prompt, max_tokens: maxTokens, ...options } = body;
    asked.push({ body, expected: await textOf(model.generate(prompt, { ...options, maxTokens })) });
  }
  await model.dispose();
  return asked;
}

type Questions = Awaited<ReturnType<typeof questions>>;

/** Asks one question after the other until `end`. */
async function goodClient(url: string, asked: Questions, random: SeededRandom, end: number): Promise<Counts> {
  const counts = noCounts();
  while (performance.now() < end) {
    const { body, expected } = asked[random.integer(asked.length)]!;
    const began = performance.now();
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer good' },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    if (response?.status === 200) {
      const { choices } = (await response.json()) as { choices: { text: string }[] };
      counts.answered++;
      counts.seconds.push((performance.now() - began) / 1000);
      if (choices[0]!.text !== expected) counts.wrong++;
      continue;
    }
    await response?.text();
    if (response && [429, 503].includes(response.status)) counts.refused++;
    else counts.failed++;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return counts;
}

async function hostileClient(
  url: string,
  random: SeededRandom,
  end: number,
  counts: Record<string, number>,
): Promise<void> {
  const names = Object.keys(attacks);
  while (performance.now() < end) {
    const name = names[random.integer(names.length)]!;
    counts[name] = (counts[name] ?? 0) + 1;
    await attacks[name]!({ url, key: 'hostile', random }).catch(() => {}); // connections that the server closes
  }
}

function summary(all: readonly Counts[]) {
  const sum = (name: 'answered' | 'refused' | 'wrong' | 'failed') =>
    all.reduce((total, counts) => total + counts[name], 0);
  const seconds = all.flatMap((counts) => counts.seconds).sort((a, b) => a - b);
  const p99 = Number((seconds[Math.floor(0.99 * seconds.length)] ?? Number.NaN).toFixed(3));
  return {
    answered: sum('answered'),
    refused: sum('refused'),
    wrong: sum('wrong'),
    failed: sum('failed'),
    p99,
  };
}

/** Megabytes of a process that is or was in memory. */
function megabytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )!;
  return Math.round((1024 * Number(kilobytes)) / 1e6);
}

it.skipIf(process.platform !== 'linux')(
  'good clients are served among hostile ones, in a gigabyte',
  async () => {
    const small = await makeSmallModel();
    onTestFinished(small.remove);
    const asked = await questions(small.folder);
    const server = await startServe(
      small.folder,
      [
        '--memory-mb',
        `${maxMegabytes}`,
        '--api-key',
        'good',
        '--api-key',
        'hostile',
        '--receive-timeout',
        '5',
      ],
      1,
    );
    onTestFinished(() => void server.child.kill('SIGKILL'));
    const { pid } = server.child;
    const clientsUntil = (end: number, from: number) =>
      Array.from({ length: goodClients }, (_, i) =>
        goodClient(server.url, asked, new SeededRandom(seed + from + i), end),
      );

    const alone = await Promise.all(clientsUntil(performance.now() + 0.25 * budget('clients'), 0));
    const before = megabytes(pid!, 'VmRSS');
    const hostile: Record<string, number> = {};
    const end = performance.now() + 0.75 * budget('clients');
    const attackers = Array.from({ length: hostileClients }, (_, i) =>
      hostileClient(server.url, new SeededRandom(seed + 1000 + i), end, hostile),
    );
    const among = await Promise.all(clientsUntil(end, 100));
    await Promise.all(attackers);

    const health = async () =>
      (await (await fetch(`${server.url}/health`)).json()) as { active: number; status: string };
    await expect.poll(async () => (await health()).active, { timeout: 60_000 }).toBe(0);
    const afterwards = await Promise.all(clientsUntil(performance.now() + 1000, 200));
    const memory = { before, after: megabytes(pid!, 'VmRSS'), max: megabytes(pid!, 'VmHWM') };
    const counts = { alone: summary(alone), among: summary(among), afterwards: summary(afterwards) };
    record('clients', { ...counts, memory, hostile });

    for (const { wrong, failed } of Object.values(counts))
      expect({ wrong, failed }).toEqual({ wrong: 0, failed: 0 });
    for (const { answered } of among) expect(answered).toBeGreaterThan(0);
    expect(counts.afterwards.refused).toBe(0);
    expect(memory.max).toBeLessThan(maxMegabytes);
    expect((await (await fetch(`${server.url}/metrics`)).text()).length).toBeLessThan(100_000);
    expect((await health()).status).toBe('ok');
    server.child.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
  },
);
