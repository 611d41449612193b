import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

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
