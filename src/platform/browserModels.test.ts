/** Models of a page, fetched from a server of files. Node has all that they need but a cache, which pages may lack too. */

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchModelFile } from './browserCache.ts';
import { findModelFolder } from './browserModels.ts';

let files: Map<string, string>;
let server: Server;
let folder: string;

beforeAll(async () => {
  vi.stubGlobal('location', new URL('http://127.0.0.1/'));
  server = createServer(({ url }, response) => {
    if (url!.startsWith('/api/models/')) {
      const names = ['Ternary-Bonsai-1.7B-F16.gguf', 'Ternary-Bonsai-1.7B-Q2_0.gguf'];
      const listed = url!.includes('-4B-') ? names.slice(0, 1) : names;
      response.end(JSON.stringify(listed.map((path) => ({ type: 'file', path }))));
      return;
    }
    const content = files.get(url!.split('/').at(-1)!);
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  vi.unstubAllGlobals();
  server.close();
});

let loads = 0;
beforeEach(() => {
  files = new Map([
    ['config.json', '{}'],
    ['model.safetensors', 'weights'],
    ['tokenizer.json', '{"a": 1}'],
  ]);
  folder = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model${loads++}`;
});

function list(): void {
  const lines = [...files].map(
    ([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}\n`,
  );
  files.set('SHA256SUMS', lines.join(''));
}

/** As `LanguageModel.load` reads a folder. */
async function load(): Promise<void> {
  const address = await findModelFolder(folder);
  for (const name of ['tokenizer.json', 'chat_template.jinja']) await fetchModelFile(`${address}/${name}`);
}

describe('a folder with SHA256SUMS', () => {
  beforeEach(list);

  it('loads if every file has its hash', async () => {
    await load();
  });

  it.each(['config.json', 'model.safetensors', 'tokenizer.json'])('refuses a changed %s', async (name) => {
    files.set(name, `${files.get(name)} `);
    const file = `${folder}/${name}`;
    await expect(load()).rejects.toThrow(
      new RegExp(`^${file}: found SHA-256 \\w{64}, expected SHA-256 \\w{64}`),
    );
  });

  it('refuses a file that is missing, or not listed', async () => {
    files.delete('tokenizer.json');
    await expect(load()).rejects.toThrow(/tokenizer.json: found no file, expected SHA-256/);
    list();
    files.set('chat_template.jinja', '{{ evil }}');
    await expect(load()).rejects.toThrow(/chat_template.jinja: found SHA-256 \w{64}, expected no file/);
  });

  it('is checked against the list of the moment', async () => {
    await load();
    files.set('config.json', '{"new": true}');
    list();
    await load();
  });
});

it('a folder without a list loads as it is', async () => {
  await load();
});

it('finds the file of a name in the catalogue on the Hub', async () => {
  const hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  files.set('Ternary-Bonsai-1.7B-Q2_0.gguf', 'weights');
  const found = await findModelFolder('ternary-bonsai-1.7b', { hubUrl });
  const repository = 'prism-ml/Ternary-Bonsai-1.7B-gguf';
  expect(found).toBe(`${hubUrl}/${repository}/resolve/main/Ternary-Bonsai-1.7B-Q2_0.gguf`);
  await expect(findModelFolder('bonsai-4b', { hubUrl })).rejects.toThrow(
    /^prism-ml\/Bonsai-4B-gguf: found Ternary-.*-F16\.gguf, expected one file that matches/,
  );
});
