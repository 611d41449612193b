/**
 * Shows the app from the folder in which this file lies, without a network: `node present.mjs [PORT]`. Node is all that it
 * needs; copy the folder to a stick, and it runs on the lectern's computer.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const root = import.meta.dirname;
/** @type {Readonly<Record<string, string>>} */
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

/** What to show, in order: a page, and what to say about it. */
const talk = [
  [
    '#write',
    'Take a chip: “Who are you?”, then a story, then 7 + 5. Tell it your name, and ask for it five turns later.',
  ],
  [
    '#inside?text=The+fox+runs&layer=1&step=1&embed',
    'One token through the model, with the real numbers. Arrow keys step.',
  ],
  [
    '#inside?text=The+fox+runs&layer=3&step=4&embed',
    'One row of −1, 0 and +1: watch it add, skip and subtract.',
  ],
  ['#learn', 'Take Moby-Dick, 40 steps. Let it write, save it as a file, hand it on.'],
];

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
  const file = join(root, path.endsWith('/') ? `${path}index.html` : path);
  const found = file.startsWith(root) ? await stat(file).catch(() => undefined) : undefined;
  if (!found?.isFile()) {
    response.writeHead(404).end('not found');
    return;
  }
  response.writeHead(200, {
    'Content-Type': types[extname(file)] ?? 'application/octet-stream',
    'Content-Length': found.size,
    // They let threads share memory.
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  });
  createReadStream(file).pipe(response);
});

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const address = `http://localhost:${port}/`;
  console.log(`PlusMinus at ${address} — Ctrl-C ends it\n`);
  for (const [page, what] of talk) console.log(`${address}${page}\n  ${what}\n`);
});
