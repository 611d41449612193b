/** Forty calls of the clients that people use, and lm-evaluation-harness, against `plusminus serve`. */
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServeProcess, startServe } from '../serveProcess.ts';
import { makeSmallModel, type SmallModel } from '../smallModel.ts';
import { aiCalls } from './aiCalls.ts';
import { openaiCalls } from './openaiCalls.ts';

const key = 'secret-key';
const required = process.env.PLUSMINUS_REQUIRE_LM_EVAL === '1';
const hasHarness = spawnSync('lm_eval', ['--help'], { stdio: 'ignore' }).status === 0;

describe.each(['matmul-free', 'llama', 'bitnet'] as const)('%s', (architecture) => {
  let small: SmallModel;
  let server: ServeProcess;
  beforeAll(async () => {
    small = await makeSmallModel({ architecture });
    server = await startServe(small.folder, ['--name', 'small', '--api-key', key]);
  });
  afterAll(async () => {
    server?.child.kill('SIGTERM');
    expect(await server?.ended).toEqual({ code: 0, signal: null });
    await small?.remove();
  });

  it('answers all calls of openai and ai', async () => {
    const calls = [...openaiCalls(server.url, key, [5, 17, 300]), ...aiCalls(server.url, key)];
    expect(calls).toHaveLength(40);
    const failed: string[] = [];
    for (const [name, run] of calls)
      await run().catch((error: Error) => void failed.push(`${name}: ${error.message}`));
    expect(failed).toEqual([]);
  });

  it.skipIf(!hasHarness && !required)('answers lm-evaluation-harness', async () => {
    const work = await mkdtemp(join(tmpdir(), 'plusminus-harness-'));
    try {
      for (const name of ['tokenizer.json', 'tokenizer_config.json'])
        await cp(join(small.folder, name), join(work, 'tokenizer', name));
      const completions = await harness(work, 'local-completions', {
        ...{ base_url: `${server.url}/v1/completions`, tokenizer: join(work, 'tokenizer') },
        ...{ tasks: ['clients_choose', 'clients_read', 'clients_write'], tokenized_requests: 'True' },
      });
      expect(completions.clients_choose!['acc,none']).toBeGreaterThanOrEqual(0);
      expect(completions.clients_read!['byte_perplexity,none']).toBeGreaterThan(1);
      expect(completions.clients_write!['exact_match,none']).toBeGreaterThanOrEqual(0);
      const chat = await harness(work, 'local-chat-completions', {
        ...{ base_url: `${server.url}/v1/chat/completions`, tasks: ['clients_write'] },
      });
      expect(chat.clients_write!['exact_match,none']).toBeGreaterThanOrEqual(0);
    } finally {
      await rm(work, { recursive: true });
    }
  });
});

type Results = Record<string, Record<string, number>>;

/** Runs the harness, and returns its results by task. */
async function harness(
  work: string,
  model: string,
  { tasks, ...options }: Record<string, string | string[]> & { tasks: string[] },
): Promise<Results> {
  const modelArgs = Object.entries({ model: 'small', num_concurrent: '2', ...options });
  const out = join(work, model);
  const args = ['run', '--model', model, '--model_args', modelArgs.map((pair) => pair.join('=')).join()];
  const chat = model.includes('chat') ? ['--apply_chat_template'] : [];
  await promisify(execFile)(
    'lm_eval',
    [...args, '--tasks', tasks.join(), '--include_path', 'tasks', '--output_path', out, ...chat],
    {
      cwd: import.meta.dirname, // the tasks name their data from here
      env: {
        ...process.env,
        OPENAI_API_KEY: key,
        HF_HUB_OFFLINE: '1',
        HF_DATASETS_CACHE: join(work, 'cache'),
      },
    },
  );
  const [file] = (await readdir(out, { recursive: true })).filter((name) => name.endsWith('.json'));
  return (JSON.parse(await readFile(join(out, file!), 'utf8')) as { results: Results }).results;
}
