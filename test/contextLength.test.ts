import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { LanguageModel } from '../src/index.ts';
import { textOf } from '../src/serve/testing.ts';
import { makeSmallModel } from './smallModel.ts';

const program = join(import.meta.dirname, '../bin/plusminus.js');

/** 256 positions each. */
test.each(['llama-tiny', 'bitnet-tiny'])('generate --json ends at the context length of %s', async (name) => {
  const model = join(import.meta.dirname, 'fixtures/golden', name);
  const prompt = Array.from({ length: 250 }, (_, k) => k % 60);
  const args = [
    'generate',
    '--model',
    model,
    '--tokens',
    prompt.join(),
    '-n',
    '5000',
    '--json',
    '--threads',
    '1',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args, '--temperature', '0']);
  const { tokens, reason } = JSON.parse(stdout);
  expect(reason === 'eos' || tokens.length === 256 + 1 - 250).toBe(true);
  expect(['length', 'eos']).toContain(reason);
});

/** Ids of this model never end a text early, so that only the two limits are left. */
test.each([
  [5000, 'the context length'],
  [3, '--max-tokens'],
])('generate --max-tokens %i says that %s ended the text', async (maxTokens, reason) => {
  const model = join(import.meta.dirname, 'fixtures/golden/llama-tiny');
  const prompt = Array.from({ length: 250 }, (_, k) => k % 60).join();
  const args = ['generate', '--model', model, '--tokens', prompt, '-n', `${maxTokens}`, '-t', '0'];
  const { stderr } = await promisify(execFile)(process.execPath, [program, ...args, '--threads', '1']);
  expect(stderr).toContain(`; ended by ${reason}; seed `);
});

test.each(['llama', 'bitnet'] as const)(
  '%s: the library ends a text at the context length',
  async (architecture) => {
    const small = await makeSmallModel({ architecture, contextLength: 32 });
    onTestFinished(small.remove);
    const model = await LanguageModel.load(small.folder, { threads: 0 });
    onTestFinished(() => model.dispose());
    const reasons: string[] = [];
    const ids: number[] = [];
    const options = {
      ...{ temperature: 0, stopAtEos: false, maxTokens: 100 },
      onToken: (id: number) => ids.push(id),
      onFinish: ({ reason }: { reason: string }) => reasons.push(reason),
    };
    await textOf(model.generate(Array(20).fill(7), options));
    expect({ reasons, count: ids.length }).toEqual({ reasons: ['length'], count: 13 }); // the last is not read
    const session = model.session();
    await session.append(Array(20).fill(7));
    await textOf(session.generate(options));
    expect(ids.slice(13)).toEqual(ids.slice(0, 13));
    expect(session.tokens).toBe(33);
    await textOf(model.session().generate({ ...options, stopAtEos: true, maxTokens: 100 })); // begins with a bos token
    expect(reasons.at(-1)).toMatch(/^(length|eos)$/);
    await expect(textOf(model.generate(Array(33).fill(7), options))).rejects.toThrow(/expected at most 32/);
  },
);

test('chat --json ends an answer at the context length', async () => {
  const small = await makeSmallModel({ architecture: 'llama', contextLength: 64 });
  onTestFinished(small.remove);
  const args = ['chat', '--model', small.folder, '--json', '-n', '5000', '--seed', '1', '--threads', '1'];
  const ended = promisify(execFile)(process.execPath, [program, ...args]);
  ended.child.stdin!.end('Who are you?\n');
  const { tokens, reason } = JSON.parse((await ended).stdout);
  expect(['length', 'eos', 'stop']).toContain(reason);
  expect(tokens).toBeLessThan(64);
});
