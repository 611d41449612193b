/**
 * Good and hostile clients of a server that may take a gigabyte, each with a key of its own: it gives no wrong answer, stays
 * within its memory, serves every good client and is whole afterwards. Its heap has the limit that Node sets itself in
 * a container of a gigabyte, and the memory that the kernel counts for it stays below the container's.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { LanguageModel } from '../../src/index.ts';
import { textOf } from '../../src/serve/testing.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { startServe } from '../serveProcess.ts';
import { makeSmallModel } from '../smallModel.ts';
import { budget, chosenClients, record, seed, store } from './budget.ts';
import type { HostileWork } from './hostileWorker.ts';
import { ProcessMemory } from './processMemory.ts';

const { good, hostile } = chosenClients();
const goodKeys = Array.from({ length: good }, (_, i) => `good-${i}`);
const hostileKeys = Array.from({ length: hostile }, (_, i) => `hostile-${i}`);
const maxMegabytes = 1000;
const heapMegabytes = 512;

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

interface GoodClient {
  readonly url: string;
  readonly key: string;
  readonly asked: Questions;
  readonly random: SeededRandom;
  readonly end: number;
}

/** Asks one question after the other until `end`. */
async function goodClient({ url, key, asked, random, end }: GoodClient): Promise<Counts> {
  const counts = noCounts();
  while (performance.now() < end) {
    const { body, expected } = asked[random.integer(asked.length)]!;
    const began = performance.now();
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
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

/** Resolves with how often each attack was begun. */
async function hostileClientsUntil(end: number, url: string, from: number): Promise<Record<string, number>> {
  const work: HostileWork = {
    ...{ url, keys: hostileKeys, seed: seed + from, milliseconds: end - performance.now() },
  };
  const worker = new Worker(join(import.meta.dirname, 'hostileWorker.ts'), { workerData: work });
  const [counts] = await once(worker, 'message');
  return counts;
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

/** Clients alone, then among hostile ones, until the budget is spent: other work of the machine slows both. */
async function attackInRounds(url: string, asked: Questions, memory: ProcessMemory) {
  const alone: Counts[] = [];
  const among: Counts[] = [];
  const ratios: number[] = [];
  const attacks: Record<string, number> = {};
  const counts = () => ({
    ...{ alone: summary(alone), among: summary(among) },
    p99Ratio: { median: median(ratios), rounds: ratios },
    memory: { limit: maxMegabytes, ...memory.summary() },
    clients: { good, hostile },
    hostile: attacks,
  });
  const goodUntil = (end: number, from: number) =>
    Promise.all(
      goodKeys.map((key, i) =>
        goodClient({ url, key, asked, end, random: new SeededRandom(seed + from + i) }),
      ),
    );
  const milliseconds = Math.min(60_000, budget('clients'));
  const last = performance.now() + budget('clients') - milliseconds / 2;
  // A round takes longer than its share where the machine is busy: the clock ends the loop.
  for (let round = 0; round === 0 || performance.now() < last; round++) {
    const from = 1000 * round;
    const apart = await goodUntil(performance.now() + 0.25 * milliseconds, from);
    const end = performance.now() + 0.75 * milliseconds;
    const attacked = hostileClientsUntil(end, url, from + 500);
    const together = await goodUntil(end, from + 100);
    for (const [name, count] of Object.entries(await attacked)) attacks[name] = (attacks[name] ?? 0) + count;
    alone.push(...apart);
    among.push(...together);
    const [before, under] = [summary(apart).p99, summary(together).p99];
    ratios.push(Number((under / before).toFixed(2)));
    store('clients', { unfinished: true, ...counts() });
    console.log(
      `torture: clients: round ${round + 1}: p99 alone ${before} s, among ${under} s, ${memory.now} MB`,
    );
    for (const { answered } of together) expect(answered).toBeGreaterThan(0);
  }
  return { counts: counts(), goodUntil };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

it.skipIf(process.platform !== 'linux')(
  'good clients are served among hostile ones, in a gigabyte',
  async () => {
    const small = await makeSmallModel();
    onTestFinished(small.remove);
    const asked = await questions(small.folder);
    const keys = [...goodKeys, ...hostileKeys].flatMap((key) => ['--api-key', key]);
    const args = ['--memory-mb', `${maxMegabytes}`, '--receive-timeout', '5', ...keys];
    const server = await startServe(small.folder, args, 1, [`--max-old-space-size=${heapMegabytes}`]);
    onTestFinished(() => void server.child.kill('SIGKILL'));
    const memory = new ProcessMemory(server.child.pid!, Math.max(200, budget('clients') / 1000));
    onTestFinished(() => memory.stop());

    const attacked = await attackInRounds(server.url, asked, memory);
    memory.stop();
    const health = async () =>
      (await (await fetch(`${server.url}/health`)).json()) as { active: number; status: string };
    await expect.poll(async () => (await health()).active, { timeout: 60_000 }).toBe(0);
    const afterwards = await attacked.goodUntil(performance.now() + 1000, 200);
    const counts = { ...attacked.counts, afterwards: summary(afterwards) };
    record('clients', counts);

    for (const { wrong, failed } of [counts.alone, counts.among, counts.afterwards])
      expect({ wrong, failed }).toEqual({ wrong: 0, failed: 0 });
    expect(counts.afterwards.refused).toBe(0);
    expect(Object.keys(counts.hostile).length).toBeGreaterThan(0);
    expect(counts.memory.max).toBeLessThan(maxMegabytes);
    expect((await (await fetch(`${server.url}/metrics`)).text()).length).toBeLessThan(100_000);
    expect((await health()).status).toBe('ok');
    server.child.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
  },
);
