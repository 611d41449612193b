/** A static host behind a slow line: every answer waits, and all answers share the line. Texts are compressed, as hosts do. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Host } from './server.ts';

export interface Line {
  readonly bytesPerSecond: number;
  /** Before each answer, milliseconds. */
  readonly latency: number;
}

const types: Readonly<Record<string, string>> = {
  ...{ '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' },
  ...{ '.svg': 'image/svg+xml', '.wasm': 'application/wasm' },
};
const piece = 8192;

/** Hosts compress texts and programs, and send weights as they are. */
export function asSent(path: string, file: Buffer): Buffer {
  return /\.(html|js|css|json|svg|wasm|txt|webmanifest)$|\/$/.test(path) ? gzipSync(file) : file;
}

export interface SlowHost extends Host {
  /** Bytes sent so far, by path. */
  readonly sent: ReadonlyMap<string, number>;
}

export async function hostSlowly(root: string, { bytesPerSecond, latency }: Line): Promise<SlowHost> {
  const sent = new Map<string, number>();
  /** When the line is free again. */
  let free = 0;
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    const file = await readFile(join(root, path.endsWith('/') ? `${path}index.html` : path)).catch(
      () => undefined,
    );
    await setTimeout(latency);
    if (!file) return void response.writeHead(404).end();
    const type = types[extname(path) || '.html'];
    const tag = `"${createHash('sha256').update(file).digest('hex').slice(0, 16)}"`;
    if (request.headers['if-none-match'] === tag) return void response.writeHead(304, { ETag: tag }).end();
    const body = asSent(path, file);
    response.writeHead(200, {
      ...{ 'Content-Type': type ?? 'application/octet-stream', 'Content-Length': body.length, ETag: tag },
      ...(body === file ? {} : { 'Content-Encoding': 'gzip' }),
      ...{ 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    });
    for (let at = 0; at < body.length && !response.destroyed; at += piece) {
      const part = body.subarray(at, at + piece);
      const begin = Math.max(performance.now(), free);
      free = begin + (1000 * part.length) / bytesPerSecond;
      await setTimeout(free - performance.now());
      response.write(part);
      sent.set(path, (sent.get(path) ?? 0) + part.length);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}/`, sent },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
