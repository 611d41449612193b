/**
 * Compares decoding in Chromium's WebAssembly and in Node's: the same model, kernels and threads on the same machine, in
 * turns, round by round. Both must generate the same tokens before anything is timed.
 *
 *   npm run bench:browser                        370M with random weights, one thread and all
 *   npm run bench:browser -- --size tiny --threads 2 --rounds 5
 */
import './begin.ts';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { Browser, Page } from 'playwright-core';
import { build, transformWithOxc } from 'vite';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { InputError } from '../src/errors.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { isConfigName, namedConfig } from '../src/model/config.ts';
import { openBrowser } from '../test/web/browser.ts';
import { hostFolder } from '../test/web/server.ts';
import { type Decoding, decode } from './browserCase.ts';
import { outputPath } from './outputPath.ts';
import { median } from './statistics.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const options = new Command('npm run bench:browser --')
  .option('--size <name>', 'named configuration to decode', '370M')
  .option('--threads <counts>', 'numbers of threads', [...new Set([1, availableParallelism()])].join(','))
  .option('--rounds <count>', 'decodings in each', '15')
  .option('--tokens <count>', 'tokens of a decoding', '96')
  .option('--out <path>', 'where to write the tables, without extension (default: results/browser)')
  .parse()
  .opts<{ size: string; threads: string; rounds: string; tokens: string; out?: string }>();

interface Row {
  readonly threads: number;
  /** Medians, tokens a second. */
  readonly node: number;
  readonly browser: number;
  /** Medians, milliseconds of CPU time that all processes together use for a token; from Linux's /proc. */
  readonly nodeCpu: number;
  readonly browserCpu: number;
  /** Browser by Node: median, minimum and maximum of the rounds' ratios. */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** Files for the bench's page: the library as pages get it, the model, the case. */
async function makeSite(): Promise<string> {
  const site = `${root}build/bench/site`;
  const { size } = options;
  if (!isConfigName(size)) throw new InputError(`--size: found ${size}, expected a named configuration`);
  await build({
    configFile: `${root}web/library.config.ts`,
    logLevel: 'error',
    build: { outDir: `${site}/library` },
  });
  await writeFile(`${site}/index.html`, '<!doctype html><title>bench</title>');
  await writeFile(`${site}/worker.js`, workerCode);
  const source = await readFile(`${root}bench/browserCase.ts`, 'utf8');
  await writeFile(`${site}/browserCase.js`, (await transformWithOxc(source, 'browserCase.ts')).code);
  if (!existsSync(`${site}/${size}`)) {
    console.error(`making ${size} with random weights`);
    const config = namedConfig(size);
    await randomCheckpoint(`${site}/${size}`, config, architectureOf(config).parameters(), { seed: 1 });
  }
  return site;
}

/** The page's worker: loads, then decodes on request. */
const workerCode = `
import { LanguageModel } from './library/plusminus.js';
import { decode } from './browserCase.js';

let model;
onmessage = async ({ data: { source, threads, tokens } }) => {
  try {
    if (source) {
      await model?.dispose();
      model = await LanguageModel.load(source, { engine: 'cpu', threads });
      postMessage(model.engine);
    } else postMessage(await decode(model, tokens));
  } catch (error) {
    postMessage({ error: error.message });
  }
};`;

async function ask<T>(page: Page, message: object): Promise<T> {
  const answer = await page.evaluate((sent) => {
    const scope = globalThis as unknown as { worker?: Worker };
    scope.worker ??= new Worker('./worker.js', { type: 'module' });
    return new Promise<unknown>((resolve) => {
      scope.worker!.onmessage = ({ data }) => resolve(data);
      scope.worker!.postMessage(sent);
    });
  }, message);
  if (typeof answer === 'object' && answer && 'error' in answer)
    throw new Error(`in the browser: ${answer.error}`);
  return answer as T;
}

async function measure(page: Page, site: string, url: string, threads: number): Promise<Row> {
  const tokens = Number(options.tokens);
  const engine = await ask<string>(page, { source: `${url}${options.size}`, threads });
  await using model = await LanguageModel.load(`${site}/${options.size}`, { engine: 'cpu', threads });
  if (engine !== model.engine)
    throw new Error(`the browser computes with ${engine}, Node with ${model.engine}`);
  const sides = {
    node: () => decode(model, tokens),
    browser: () => ask<Decoding>(page, { tokens }),
  };
  const [inNode, inBrowser] = [await sides.node(), await sides.browser()];
  if (`${inNode.ids}` !== `${inBrowser.ids}`) throw new Error('Node and browser generated different tokens');
  const cpu = {
    node: () => cpuMilliseconds([process.pid]),
    browser: () => cpuMilliseconds(descendants(process.pid)),
  };
  const rounds: { node: number; browser: number }[] = [];
  const costs: { node: number; browser: number }[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const speeds = { node: 0, browser: 0 };
    const order = round % 2 ? (['node', 'browser'] as const) : (['browser', 'node'] as const);
    const cost = { node: 0, browser: 0 };
    for (const side of order) {
      const before = cpu[side]();
      speeds[side] = (await sides[side]()).tokensPerSecond;
      cost[side] = (cpu[side]() - before) / tokens;
    }
    rounds.push(speeds);
    costs.push(cost);
    console.error(
      `${threads} thread(s): Node ${speeds.node.toFixed(1)}, browser ${speeds.browser.toFixed(1)} tokens/s`,
    );
  }
  const ratios = rounds.map(({ node, browser }) => browser / node);
  return {
    ...{ threads, ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
    node: median(rounds.map(({ node }) => node)),
    browser: median(rounds.map(({ browser }) => browser)),
    nodeCpu: median(costs.map(({ node }) => node)),
    browserCpu: median(costs.map(({ browser }) => browser)),
  };
}

/** Clock ticks of /proc are hundredths of a second on every Linux. */
const millisecondsPerTick = 10;

/** CPU time of processes, in user and system mode, over all their threads. */
function cpuMilliseconds(processes: readonly number[]): number {
  return processes.reduce((sum, id) => {
    const [user, system] = fieldsOf(id).slice(11, 13).map(Number);
    return sum + millisecondsPerTick * ((user ?? 0) + (system ?? 0));
  }, 0);
}

/** The browser's processes: children of this one, and their children. */
function descendants(parent: number): number[] {
  const all = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const parents = new Map(all.map((id) => [id, Number(fieldsOf(id)[1])]));
  const within = (id: number): boolean =>
    parents.get(id) === parent || (parents.has(id) && within(parents.get(id)!));
  return all.filter(within);
}

/** The fields of /proc/<id>/stat after the process's name; none if it has ended. */
function fieldsOf(id: number): string[] {
  try {
    return readFileSync(`/proc/${id}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return [];
  }
}

function format(report: Report): string {
  const { size, machine, date, rounds, tokens, rows } = report;
  return [
    '# Decoding in the browser and in Node',
    '',
    `\`npm run bench:browser\`, ${date}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}, ` +
      `Chromium ${machine.chromium}. ${size} with random ternary weights, ${tokens} tokens a decoding, ${rounds} rounds ` +
      `in turns; medians. Both generated the same tokens. ${Math.round(loadavg()[0]!)} processes were runnable on average in ` +
      'the last minute; CPU time counts all threads and depends least on other work on the machine. Absolute ' +
      'figures hold for this machine and day.',
    '',
    '| threads | Node tokens/s | browser tokens/s | browser by Node | min | max | Node CPU ms/token | browser CPU ms/token |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ threads, node, browser, ratio, min, max, nodeCpu, browserCpu }) =>
        `| ${threads} | ${node.toFixed(1)} | ${browser.toFixed(1)} | ${ratio.toFixed(2)} | ${min.toFixed(2)} | ${max.toFixed(2)} | ${nodeCpu.toFixed(1)} | ${browserCpu.toFixed(1)} |`,
    ),
    '',
  ].join('\n');
}

interface Report {
  readonly size: string;
  readonly machine: { processor: string; cores: number; node: string; chromium: string };
  readonly date: string;
  readonly rounds: number;
  readonly tokens: number;
  readonly rows: readonly Row[];
}

async function measureAll(browser: Browser, site: string, url: string): Promise<Row[]> {
  const page = await browser.newPage();
  await page.goto(url);
  const rows: Row[] = [];
  for (const threads of options.threads.split(',').map(Number))
    rows.push(await measure(page, site, url, threads));
  return rows;
}

const out = await outputPath(options.out, 'browser');
await mkdir(`${root}build/bench/site`, { recursive: true });
const site = await makeSite();
const host = await hostFolder(site, { isolated: true });
const browser = await openBrowser();
try {
  const report: Report = {
    size: options.size,
    machine: {
      processor: cpus()[0]!.model,
      cores: availableParallelism(),
      node: process.versions.node,
      chromium: browser.version(),
    },
    date: new Date().toISOString().slice(0, 10),
    rounds: Number(options.rounds),
    tokens: Number(options.tokens),
    rows: await measureAll(browser, site, host.url),
  };
  await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(`${out}.md`, format(report));
  console.log(format(report));
} finally {
  await browser.close();
  await host.close();
}
