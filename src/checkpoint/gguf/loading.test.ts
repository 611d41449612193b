/** A GGUF file wherever a model is named: a path, a folder that holds it, bytes, a Blob, an address. */
import { openAsBlob } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LanguageModel, type ModelSource } from '../../index.ts';
import { temporaryFolder } from '../testing.ts';
import { ggufBytes, ggufFile, goldenBytes, goldenGguf, smallLlama, zeros } from './testing.ts';

const path = goldenGguf('bitnet-i2s');

/** What a greedy completion says, and how the prompt was read. */
async function completed(source: ModelSource): Promise<readonly number[]> {
  const model = await LanguageModel.load(source, { engine: 'cpu', threads: 0 });
  try {
    const { tokens } = await model.complete([5, 9, 20, 31], { maxTokens: 8, temperature: 0 });
    return tokens;
  } finally {
    await model.dispose();
  }
}

/** Serves the file, in parts. */
async function addressOf(file: string): Promise<string> {
  const bytes = await readFile(file);
  const server = createServer(({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')!;
    const end = Math.min(Number(to), bytes.length - 1);
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${from}-${end}/${bytes.length}` });
    response.end(bytes.subarray(Number(from), end + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny.gguf`;
}

it('gives the same model from everywhere', async () => {
  const expected = await completed(path);
  expect(expected).toHaveLength(8);
  const folder = await temporaryFolder();
  await copyFile(path, join(folder, 'model.gguf'));
  expect(await completed(folder)).toEqual(expected);
  expect(await completed({ 'tiny.gguf': await goldenBytes('bitnet-i2s') })).toEqual(expected);
  const file = new File([await openAsBlob(path)], 'tiny.gguf');
  expect(await completed([file])).toEqual(expected);
  expect(await completed(await addressOf(path))).toEqual(expected);
});

it('says which file to name where a folder has several', async () => {
  const folder = await temporaryFolder();
  await copyFile(path, join(folder, 'a.gguf'));
  await copyFile(path, join(folder, 'b.gguf'));
  await expect(LanguageModel.load(folder)).rejects.toThrow(
    /holds a.gguf, b.gguf; expected the name of one: .*a.gguf/,
  );
  await expect(LanguageModel.load(join(dirname(path), 'none.gguf'))).rejects.toThrow(/no folder or file/);
});

it.each([
  [
    'an architecture that is not supported',
    { 'general.architecture': 'qwen35' },
    /found "qwen35", expected one of "llama"/,
  ],
  [
    'a key that nothing here knows',
    { 'prism.version': 2 },
    /"prism.version": this key is unknown and may change/,
  ],
  [
    'a window of attention',
    { 'llama.attention.sliding_window': 512 },
    /"llama.attention.sliding_window": this key is unknown/,
  ],
  ['experts', { 'llama.expert_count': 8 }, /"llama.expert_count": this key is unknown/],
  [
    'soft caps',
    { 'llama.final_logit_softcapping': 30.5 },
    /"llama.final_logit_softcapping": this key is unknown/,
  ],
  [
    'rotation of half a head',
    { 'llama.rope.dimension_count': 2 },
    /"llama.rope.dimension_count": found 2, expected 4/,
  ],
  [
    'values of another width',
    { 'llama.attention.value_length': 8 },
    /"llama.attention.value_length": found 8, expected 4/,
  ],
  [
    'no width',
    { 'llama.embedding_length': 'wide' },
    /"llama.embedding_length": found "wide", expected an integer/,
  ],
])('refuses %s by name', async (_, change, message) => {
  const metadata = { ...smallLlama, 'llama.expert_count': 0, /* which means none */ ...change };
  const bytes = ggufBytes(metadata, [zeros('token_embd.weight', [8, 4])]);
  await expect(LanguageModel.load(await ggufFile(bytes))).rejects.toThrow(message);
});

it('refuses tensors that the architecture has no place for', async () => {
  const file = (name: string) =>
    ggufBytes(smallLlama, [zeros('token_embd.weight', [8, 4]), zeros(name, [8])]);
  await expect(LanguageModel.load(await ggufFile(file('blk.0.ffn_gate_exps.weight')))).rejects.toThrow(
    /"blk.0.ffn_gate_exps.weight": no supported architecture has it/,
  );
  await expect(LanguageModel.load(await ggufFile(file('blk.0.attn_q_norm.weight')))).rejects.toThrow(
    /lacks|has tensor/,
  );
});
