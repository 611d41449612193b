import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InputError } from '../errors.ts';
import { ownMark, parseMark } from '../processMark.ts';
import { downloadModel, nameOfFile } from './hub.ts';
import type { Progress } from './tensorSource.ts';
import { golden, sameBytes, temporaryFolder } from './testing.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const id = 'someone/tiny-1.0';
const weights = await readFile(join(golden, 'model.safetensors'));
const configBytes = await readFile(join(golden, 'config.json'));

/** A hub with one repository; its fields may be changed to misbehave. */
class FakeHub {
  readonly requests: string[] = [];
  readonly files = new Map<string, Buffer>([
    ['config.json', configBytes],
    ['model.safetensors', weights],
    ['tokenizer.json', Buffer.from('{}')],
    ['merges.txt', Buffer.alloc(0)],
    ['README.md', Buffer.from('not needed')],
    ['pytorch_model.bin', Buffer.from('not wanted')],
  ]);
  /** Cuts the connection after so many bytes of a file. */
  cutAfter = Number.POSITIVE_INFINITY;
  token: string | undefined;
  /** Listed sizes and hashes that are not the file's. */
  lies: Record<string, { size?: number; sha256?: string }> = {};
  ignoresRange = false;
  url = '';
  #close = () => {};

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    const server = createServer((request, response) => hub.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    hub.#close = () => {
      server.closeAllConnections();
      server.close();
    };
    onTestFinished(() => hub.stop());
    return hub;
  }

  stop(): void {
    this.#close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): ServerResponse {
    const { pathname } = new URL(request.url!, this.url);
    this.requests.push(`${pathname} ${request.headers.range ?? ''}`.trim());
    if (this.token && request.headers.authorization !== `Bearer ${this.token}`) return fail(response, 401);
    if (/^\/api\/models\/someone\/tiny-1.0\/revision\/(main|v1\.0)$/.test(pathname)) {
      return json(response, { id, sha: commit, lastModified: '2024-01-01' });
    }
    if (pathname === `/api/models/${id}/tree/${commit}`) return json(response, this.#tree());
    const path = pathname.split(`/${id}/resolve/${commit}/`)[1];
    const content = path && this.files.get(path);
    return content ? this.#send(content, request, response) : fail(response, 404);
  }

  #tree() {
    return [...this.files].map(([path, content]) => {
      const lfs = {
        oid: this.lies[path]?.sha256 ?? sha('sha256', content),
        size: content.length,
        pointerSize: 130,
      };
      const oid = sha('sha1', Buffer.concat([Buffer.from(`blob ${content.length}\0`), content]));
      const size = this.lies[path]?.size ?? content.length;
      return { type: 'file', path, size, oid, ...(path === 'model.safetensors' ? { lfs } : {}) };
    });
  }

  #send(content: Buffer, request: IncomingMessage, response: ServerResponse): ServerResponse {
    const start = this.ignoresRange
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': body.length });
    if (body.length <= this.cutAfter) return response.end(body);
    response.write(body.subarray(0, this.cutAfter), () => setTimeout(() => response.destroy(), 20));
    return response;
  }
}

function sha(algorithm: string, content: Buffer): string {
  return createHash(algorithm).update(content).digest('hex');
}

function json(response: ServerResponse, value: unknown): ServerResponse {
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number): ServerResponse {
  return response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: 'no' }));
}

async function setUp() {
  const hub = await FakeHub.start();
  const cacheDir = await temporaryFolder();
  return { hub, cacheDir, options: { hubUrl: hub.url, cacheDir, token: '' } };
}

describe('downloading', () => {
  it('fetches config, weights and tokenizer into the cache, once', async () => {
    const { hub, cacheDir, options } = await setUp();
    const seen: Progress[] = [];
    const folder = await downloadModel(id, { ...options, onProgress: (progress) => seen.push(progress) });
    expect(folder).toBe(join(cacheDir, 'someone--tiny-1.0', commit));
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'merges.txt',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(await sameBytes(join(folder, 'model.safetensors'), join(golden, 'model.safetensors'))).toBe(true);
    expect(seen.at(-1)).toEqual({ loaded: weights.length + configBytes.length + 2, total: seen[0]!.total });
    expect(seen.at(-1)!.loaded).toBe(seen[0]!.total);

    hub.requests.length = 0;
    expect(await downloadModel(id, options)).toBe(folder);
    expect(hub.requests).toHaveLength(1); // what main means now
    expect(await downloadModel(id, { ...options, revision: commit })).toBe(folder);
    expect(hub.requests).toHaveLength(1);
  });

  it('downloads once when asked twice at the same time, and leaves it to another process that is at it', async () => {
    const { hub, cacheDir, options } = await setUp();
    const [first, second] = await Promise.all([downloadModel(id, options), downloadModel(id, options)]);
    expect(second).toBe(first);
    expect(hub.requests.filter((request) => request.includes('model.safetensors'))).toHaveLength(1);
    const home = join(cacheDir, 'someone--tiny-1.0');
    expect((await readdir(home)).sort()).toEqual([commit, 'refs']);
    await rm(first, { recursive: true });
    const host = parseMark(ownMark())!.host;
    await writeFile(join(home, `.lock-${commit}-1-0-${host}`), '');
    await expect(downloadModel(id, options)).rejects.toThrow(`process 1 on ${host} is writing there`);
    expect(await readdir(home)).not.toContain(`${commit}.partial`);
  });

  it('works without a network from what the cache has', async () => {
    const { hub, options } = await setUp();
    const folder = await downloadModel(id, { ...options, revision: 'v1.0' });
    hub.stop();
    expect(await downloadModel(id, { ...options, revision: 'v1.0' })).toBe(folder);
    await expect(downloadModel(id, options)).rejects.toThrow(
      /download failed: fetch failed.*give a local folder/,
    );
  });

  it('continues where an interrupted download stopped', async () => {
    const { hub, options } = await setUp();
    hub.cutAfter = 100_000;
    await expect(downloadModel(id, options)).rejects.toThrow(/run again to resume/);
    hub.cutAfter = Number.POSITIVE_INFINITY;
    hub.requests.length = 0;
    const folder = await downloadModel(id, options);
    const resumed = hub.requests.find((request) => request.includes('model.safetensors'));
    expect(resumed).toMatch(/bytes=100000-$/);
    expect(hub.requests.some((request) => request.includes('config.json'))).toBe(false);
    expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
  });

  it('starts a file again when the server cannot continue in the middle', async () => {
    const { hub, options } = await setUp();
    hub.cutAfter = 100_000;
    await expect(downloadModel(id, options)).rejects.toThrow(InputError);
    hub.cutAfter = Number.POSITIVE_INFINITY;
    hub.ignoresRange = true;
    const seen: Progress[] = [];
    const folder = await downloadModel(id, { ...options, onProgress: (progress) => seen.push(progress) });
    expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
    expect(seen.at(-1)!.loaded).toBe(seen.at(-1)!.total);
  });

  it('stops when aborted, and leaves no folder that looks complete', async () => {
    const { options, cacheDir } = await setUp();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const downloading = downloadModel(id, { ...options, onProgress, signal: controller.signal });
    await expect(downloading).rejects.toThrow('enough');
    await expect(stat(join(cacheDir, 'someone--tiny-1.0', commit))).rejects.toThrow('ENOENT');
  });
});

describe('GGUF files', () => {
  const split = ['big-00001-of-00002.gguf', 'big-00002-of-00002.gguf'];
  async function setUpFiles() {
    const { hub, cacheDir, options } = await setUp();
    for (const name of hub.files.keys()) if (name !== 'config.json') hub.files.delete(name);
    for (const name of ['small.gguf', ...split]) hub.files.set(name, Buffer.from(name));
    return { hub, cacheDir, options };
  }

  it('are downloaded one by one, and once', async () => {
    const { hub, cacheDir, options } = await setUpFiles();
    const path = await downloadModel(`${id}:small.gguf`, options);
    expect(path).toBe(join(cacheDir, 'someone--tiny-1.0', `${commit}--small`, 'small.gguf'));
    expect(await readFile(path, 'utf8')).toBe('small.gguf');
    hub.stop();
    expect(await downloadModel(`${id}:small.gguf`, options)).toBe(path);
    await expect(downloadModel(`${id}:${split[0]}`, options)).rejects.toThrow(/download failed/);
  });

  it('come with their further parts', async () => {
    const { options } = await setUpFiles();
    const path = await downloadModel(`${id}:${split[0]}`, options);
    expect((await readdir(dirname(path))).sort()).toEqual(split);
  });

  it('are named where there are several, or others than the one asked for', async () => {
    const { hub, options } = await setUpFiles();
    await expect(downloadModel(id, options)).rejects.toThrow(
      /holds the GGUF files small.gguf \(10 B\), big-00001-of-00002.gguf \(23 B\); expected the name of one: "someone/,
    );
    await expect(downloadModel(`${id}:other.gguf`, options)).rejects.toThrow(
      /found no file other.gguf, expected one of small.gguf, big-00001-of-00002.gguf/,
    );
    hub.files.delete(split[1]!);
    await expect(downloadModel(`${id}:${split[0]}`, options)).rejects.toThrow(
      /no file big-00002-of-00002.gguf/,
    );
  });

  it('are found by a pattern, without a network among those in the cache', async () => {
    const { hub, options } = await setUpFiles();
    expect(await nameOfFile(id, /^small/, options)).toBe(`${id}:small.gguf`);
    await expect(nameOfFile(id, /gguf$/, options)).rejects.toThrow(
      /found small.gguf, big-00001-of-00002.gguf, expected one file/,
    );
    await downloadModel(`${id}:small.gguf`, options);
    hub.stop();
    expect(await nameOfFile(id, /^small/, options)).toBe(`${id}:small.gguf`);
    await expect(nameOfFile(id, /^big/, options)).rejects.toThrow(/found small.gguf, expected one file/);
  });
});

describe('refusals', () => {
  it('compares sizes and hashes', async () => {
    const { hub, options } = await setUp();
    hub.lies = { 'model.safetensors': { size: weights.length - 1 } };
    await expect(downloadModel(id, options)).rejects.toThrow(/sends more than the 584023 bytes/);
    hub.lies = { 'model.safetensors': { size: weights.length + 1 } };
    await expect(downloadModel(id, options)).rejects.toThrow(/ended after 584024 of 584025 bytes/);
    hub.lies = { 'model.safetensors': { sha256: '0'.repeat(64) } };
    await expect(downloadModel(id, options)).rejects.toThrow(/found hash .*, expected 0{64}; removed/);
    hub.lies = {};
    await downloadModel(id, options);
  });

  it('says what to do about 404 and 401', async () => {
    const { hub, options } = await setUp();
    await expect(downloadModel('someone/else', options)).rejects.toThrow(
      /^someone\/else \(revision main\) on http.*: not found \(404\); check the name/,
    );
    hub.token = 'hf_secret';
    await expect(downloadModel(id, options)).rejects.toThrow(/refused \(401\); .*set HF_TOKEN/);
    await expect(downloadModel(id, { ...options, token: 'hf_wrong' })).rejects.toThrow(/token has no access/);
    await downloadModel(id, { ...options, token: 'hf_secret' });
  });

  it('refuses repositories without safetensors, and names that are none', async () => {
    const { hub, options } = await setUp();
    hub.files.delete('model.safetensors');
    await expect(downloadModel(id, options)).rejects.toThrow(/expected config.json and model.safetensors/);
    for (const name of ['model', '../x', 'a/../b', 'a/b/c', 'a/..', '']) {
      await expect(downloadModel(name, options)).rejects.toThrow(/expected a Hub name/);
    }
  });
});
