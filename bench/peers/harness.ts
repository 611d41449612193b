/**
 * EleutherAI's lm-evaluation-harness scores all its tasks, and `plusminus evaluate` the same rows: every choice's
 * log-probability and every verdict is compared. The harness asks `plusminus serve`, or with `--peer transformers`
 * loads the model itself through Hugging Face's transformers, as what is trained here as Llama or BitNet can be:
 *
 *     npx node bench/peers/harness.ts models/stories models/chat --data DATA
 *     npx node bench/peers/harness.ts runs/llama runs/bitnet --data DATA --peer transformers --window 256
 *
 * `lm_eval` needs its extra `api`, transformers, and for the second command torch.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Task } from '../../src/evaluate/task.ts';
import { allTasks } from '../../src/evaluate/tasks.ts';
import { startServe } from '../../test/serveProcess.ts';
import { outputPath } from '../outputPath.ts';
import { writeSample } from './hubLayout.ts';
import { type HarnessSample, type OwnItem, summaryOf, type TaskSummary } from './perItem.ts';

const { values: flags, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    items: { type: 'string', default: '20' },
    peer: { type: 'string', default: 'serve' },
    window: { type: 'string', default: '512' },
    seed: { type: 'string', default: '1' },
    'lm-eval': { type: 'string', default: 'lm_eval' },
    tasks: { type: 'string', default: 'all' },
    out: { type: 'string' },
  },
});

/** Tokens that a model sees at once, so that long articles take several windows in both. */
const window = Number(flags.window);
/** Articles are long: fewer of them. */
const articles = 2;

const isServed = flags.peer === 'serve';
const run = promisify(execFile);
const program = resolve(import.meta.dirname, '../../bin/plusminus.js');
const out = await outputPath(flags.out, isServed ? 'peers-harness' : 'peers-trained');
const tasks = allTasks.filter(({ name }) => flags.tasks === 'all' || flags.tasks.split(',').includes(name));
const work = await mkdtemp(join(tmpdir(), 'plusminus-harness-'));
try {
  const data = resolve(flags.data ?? 'data');
  for (const task of tasks) {
    const items = task.name === 'wikitext' ? articles : Number(flags.items);
    await writeSample(task, { data, folder: work, items, seed: Number(flags.seed) });
  }
  const rows: (TaskSummary & { readonly model: string })[] = [];
  for (const model of models) {
    const folder = resolve(model);
    const [own, theirs] = [await ownScores(folder), await harnessSamples(folder)];
    for (const { name, scoring } of tasks) {
      const summary = summaryOf(name, scoring, own[name] ?? [], theirs.samples[name] ?? []);
      rows.push({ model: basename(folder), ...summary });
    }
    console.table(rows);
    const version = theirs.version;
    const report = {
      harness: version,
      peer: flags.peer,
      items: Number(flags.items),
      seed: Number(flags.seed),
      window,
      rows,
    };
    await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (rows.some(({ agrees }) => !agrees)) process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}

async function ownScores(folder: string): Promise<Record<string, OwnItem[]>> {
  const file = join(work, `${basename(folder)}.json`);
  const names = tasks.map(({ name }) => name).join();
  const args = ['--model', folder, '--tasks', names, '--data', work, '--engine', 'cpu', '--out', file];
  await run(process.execPath, [program, 'evaluate', ...args, '--window', `${window}`], {
    maxBuffer: 2 ** 24,
  });
  return JSON.parse(await readFile(file, 'utf8')).scores;
}

async function harnessSamples(folder: string) {
  const server = isServed ? await startServe(folder, ['--name', 'peer']) : undefined;
  const to = join(work, `${basename(folder)}-harness`);
  const texts = tasks.filter(({ scoring }) => scoring === 'text');
  const questions = tasks.filter(({ scoring }) => scoring !== 'text');
  try {
    // We put the tokenizer's BOS before every text and never score it. The harness scores it before whole texts if it is
    // told to add one, and has one as their context anyway.
    await runHarness(folder, server?.url, to, questions, true);
    await runHarness(folder, server?.url, to, texts, false);
  } finally {
    server?.child.kill('SIGTERM');
    await server?.ended;
  }
  return readHarness(to);
}

/** @param url of the server; without one, the harness loads the model */
async function runHarness(
  folder: string,
  url: string | undefined,
  to: string,
  chosen: readonly Task[],
  bos: boolean,
) {
  if (chosen.length === 0) return;
  const ofServer = {
    ...{ model: 'peer', base_url: `${url}/v1/completions`, tokenizer: folder },
    // It keeps one place for an answer, and one more for the token before a text.
    ...{ tokenized_requests: 'True', max_length: window + 2, num_concurrent: 2 },
  };
  const modelArgs = {
    ...(url === undefined ? { pretrained: folder, dtype: 'float32', max_length: window } : ofServer),
    add_bos_token: bos ? 'True' : 'False',
  };
  const given = Object.entries(modelArgs).map((pair) => pair.join('='));
  const names = chosen.map(({ name }) => name).join();
  await run(
    flags['lm-eval'],
    [
      ...['run', '--model', url === undefined ? 'hf' : 'local-completions', '--model_args', given.join()],
      ...['--tasks', names, '--output_path', to, '--log_samples'],
      ...(url === undefined ? ['--device', 'cpu', '--batch_size', '1'] : []),
    ],
    {
      cwd: work, // the datasets are folders here
      maxBuffer: 2 ** 26,
      env: {
        ...process.env,
        ...{ OPENAI_API_KEY: 'none', HF_HUB_OFFLINE: '1', HF_DATASETS_CACHE: join(work, 'cache') },
        TORCHDYNAMO_DISABLE: '1', // BitLinear is decorated with torch.compile, which needs a C++ compiler
      },
    },
  );
}

async function readHarness(folder: string) {
  const files = await readdir(folder, { recursive: true });
  const samples: Record<string, HarnessSample[]> = {};
  for (const file of files.filter((name) => name.endsWith('.jsonl'))) {
    const task = /^samples_(.*)_\d{4}-/.exec(basename(file))![1]!;
    const lines = (await readFile(join(folder, file), 'utf8')).split('\n').filter(Boolean);
    samples[task] = lines
      .map((line) => JSON.parse(line) as HarnessSample)
      .sort((a, b) => a.doc_id - b.doc_id);
  }
  const results = files.find((name) => name.endsWith('.json'))!;
  const { lm_eval_version: version } = JSON.parse(
    await readFile(join(folder, dirname(results), basename(results)), 'utf8'),
  );
  return { samples, version: String(version) };
}
