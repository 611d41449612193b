import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { InputError } from '../errors.ts';
import { openRange } from './rangeFile.ts';

const content = Uint8Array.from({ length: 5000 }, (_, k) => (k * 7) % 251);

/** A server of one file; its fields may be changed to misbehave. */
class FileServer {
  bytes: Uint8Array = content;
  etag: string | undefined = '"1"';
  /** Ends the connection after so many bytes of an answer. */
  breaksAfter = Number.POSITIVE_INFINITY;
  /** What the server says of a part, if not the truth. */
  range?: (start: number, end: number, size: number) => string;
  status = 206;
  /** Bytes that it sends beyond those that it was asked for. */
  surplus = 0;
  readonly requests: string[] = [];
  url = '';

  static async start(): Promise<FileServer> {
    const files = new FileServer();
    const server = createServer((request, response) => files.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    files.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return files;
  }

  #answer({ headers }: IncomingMessage, response: ServerResponse): void {
    this.requests.push(headers.range ?? '');
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const [start, end] = [Number(from), Math.min(Number(to), this.bytes.length - 1)];
    const part = this.bytes.slice(start, end + 1 + this.surplus);
    const truth = `bytes ${start}-${end}/${this.bytes.length}`;
    if (this.etag) response.setHeader('etag', this.etag);
    response.writeHead(this.status, {
      'content-length': part.length,
      'content-range': this.range?.(start, end, this.bytes.length) ?? truth,
    });
    if (part.length <= this.breaksAfter) response.end(part);
    else response.write(part.subarray(0, this.breaksAfter), () => response.destroy());
  }
}

async function read(server: FileServer, position: number, length: number): Promise<Uint8Array> {
  const file = await openRange(server.url);
  const target = new Uint8Array(length);
  const count = await file!.read(target, position);
  return target.subarray(0, count);
}

it('reads parts, and no more than there is', async () => {
  const server = await FileServer.start();
  const file = await openRange(server.url);
  expect(file!.size).toBe(5000);
  expect(await read(server, 1000, 50)).toEqual(content.subarray(1000, 1050));
  expect(await read(server, 4990, 50)).toEqual(content.subarray(4990));
  expect(await read(server, 5000, 50)).toHaveLength(0);
});

it('keeps the beginning of a file whose version is known', async () => {
  const server = await FileServer.start();
  await read(server, 0, 100);
  const before = server.requests.length;
  expect(await read(server, 20, 50)).toEqual(content.subarray(20, 70));
  expect(server.requests.slice(before)).toEqual(['bytes=0-0']);
  server.bytes = content.map((byte) => byte ^ 1);
  server.etag = '"2"';
  expect(await read(server, 20, 50)).toEqual(server.bytes.subarray(20, 70));
});

it('asks again for what is missing where the connection breaks', async () => {
  const server = await FileServer.start();
  const file = await openRange(server.url);
  server.breaksAfter = 400;
  const target = new Uint8Array(1000);
  expect(await file!.read(target, 100)).toBe(1000);
  expect(target).toEqual(content.subarray(100, 1100));
  expect(server.requests.slice(1)).toEqual(['bytes=100-1099', 'bytes=500-1099', 'bytes=900-1099']);
});

it('gives up where nothing comes any more', async () => {
  const server = await FileServer.start();
  const file = await openRange(server.url);
  server.breaksAfter = 0;
  const failing = file!.read(new Uint8Array(1000), 100);
  await expect(failing).rejects.toThrow(/cannot be read/);
  await expect(failing).rejects.toBeInstanceOf(InputError);
});

it.each<[string, (server: FileServer) => void, RegExp]>([
  ['sends whole files', (server) => (server.status = 200), /a server that sends whole files only/],
  ['refuses', (server) => (server.status = 403), /status 403/],
  [
    'sends another part',
    (server) => (server.range = (s, e, size) => `bytes ${s + 1}-${e + 1}/${size}`),
    /content-range/,
  ],
  [
    'says no size',
    (server) => (server.range = (s, e) => `bytes ${s}-${e}/*`),
    /content-range "bytes 0-0\/\*"/,
  ],
  ['says nothing of the part', (server) => (server.range = () => ''), /content-range ""/],
])('refuses a server that %s', async (_, change, message) => {
  const server = await FileServer.start();
  change(server);
  await expect(openRange(server.url)).rejects.toThrow(message);
});

it.each<[string, (server: FileServer) => void, RegExp]>([
  ['changed', (server) => (server.etag = '"2"'), /changed while it was read/],
  ['grew', (server) => (server.bytes = new Uint8Array(6000)), /changed while it was read/],
  ['sends more than it was asked for', (server) => (server.surplus = 10), /more bytes than were asked for/],
])('notices that the file %s', async (_, change, message) => {
  const server = await FileServer.start();
  const file = await openRange(server.url);
  change(server);
  await expect(file!.read(new Uint8Array(100), 300)).rejects.toThrow(message);
});

it('knows a file that is not there, and a server that is not there', async () => {
  const server = await FileServer.start();
  server.status = 404;
  expect(await openRange(server.url)).toBeUndefined();
  await expect(openRange('http://127.0.0.1:9/model.gguf')).rejects.toThrow(/cannot be read/);
});
