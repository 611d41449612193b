/** Clients that want a server to fail, to starve others or to grow. Each attack ends within some seconds. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SeededRandom } from '../../src/text/seededRandom.ts';

export interface Target {
  readonly url: string;
  /** A key of the server, for attacks from inside. */
  readonly key: string;
  readonly random: SeededRandom;
}

type Attack = (target: Target) => Promise<void>;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function socketTo({ url }: Target): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

function head({ key }: Target, length: number | 'chunked', path = '/v1/completions'): string {
  const size = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  return (
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n` +
    `content-type: application/json\r\n${size}\r\n\r\n`
  );
}

/** Sends bytes, reads nothing or all, and leaves after a time. */
async function send(target: Target, bytes: string | Uint8Array, ms: number, reads = true): Promise<void> {
  const socket = await socketTo(target);
  if (reads) socket.resume();
  else socket.pause();
  socket.write(bytes);
  await Promise.race([sleep(ms), once(socket, 'close')]);
  socket.destroy();
}

function post(target: Target, body: object, ms: number, reads = true): Promise<void> {
  const text = JSON.stringify(body);
  return send(target, head(target, Buffer.byteLength(text)) + text, ms, reads);
}

const endless = { prompt: 'x', max_tokens: 2000, ignore_eos: true };
const ids = (count: number) => Array(count).fill(7);

export const attacks: Readonly<Record<string, Attack>> = {
  'reads nothing of a stream': (target) =>
    post(target, { ...endless, stream: true, n: 8, logprobs: 20 }, 4000, false),
  'reads nothing of an answer': (target) =>
    post(target, { prompt: ids(2000), echo: true, logprobs: 20, max_tokens: 0 }, 4000, false),
  'leaves early': (target) => post(target, endless, target.random.integer(300)),
  'takes all slots': (target) => post(target, { ...endless, n: 32 }, 3000),
  'lists all tokens': (target) =>
    post(target, { prompt: Array(15).fill(ids(30_000)), echo: true, logprobs: 20, max_tokens: 0 }, 3000),
  'lists many tokens': (target) =>
    post(target, { prompt: Array(4).fill(ids(3000)), echo: true, logprobs: 20, max_tokens: 0 }, 5000),
  'sends a megabyte of spaces': (target) => post(target, { prompt: ' '.repeat(1_000_000) }, 5000),
  'sends a megabyte of control tokens': (target) =>
    send(target, chatOf(target, '<|end|>'.repeat(140_000)), 5000),
  'sends too much': (target) => post(target, { prompt: 'x'.repeat(5_000_000) }, 3000),
  'sends half of its headers': (target) => send(target, 'POST /v1/completions HTTP/1.1\r\nhost: local', 3000),
  'sends half of its body': (target) =>
    send(target, `${head(target, 900_000)}{"prompt": "${'x'.repeat(400_000)}`, 3000),
  'sends crumbs': async (target) => {
    const socket = await socketTo(target);
    socket.resume();
    socket.write(head(target, 'chunked'));
    for (let i = 0; i < 100 && !socket.destroyed; i++) {
      socket.write('1\r\n \r\n'.repeat(5000));
      await sleep(20);
    }
    socket.destroy();
  },
  'sends random bytes': async (target) => {
    const bytes = Uint8Array.from({ length: 1 + target.random.integer(400) }, () =>
      target.random.integer(256),
    );
    await send(
      target,
      target.random.integer(2) ? bytes : Buffer.concat([Buffer.from(head(target, bytes.length)), bytes]),
      200,
    );
  },
  'sends mutated requests': async (target) => {
    const body = JSON.stringify({
      prompt: ['a', 'b'],
      n: 2,
      stop: ['.'],
      logit_bias: { 3: 1 },
      state: 'pms1.AA',
    });
    const text = [...head(target, body.length), ...body];
    for (let i = target.random.integer(6); i >= 0; i--)
      text[target.random.integer(text.length)] = String.fromCharCode(target.random.integer(128));
    await send(target, text.join(''), 300);
  },
  'asks for paths without end': async (target) => {
    for (let i = 0; i < 100; i++)
      await fetch(`${target.url}/v1/${target.random.integer(2 ** 30)}-${'a'.repeat(4000)}`).then((r) =>
        r.text(),
      );
  },
  'opens idle connections': async (target) => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => socketTo(target)));
    await sleep(2000);
    for (const socket of sockets) socket.destroy();
  },
  'comes under another name': async (target) => {
    await send(target, 'GET /v1/models HTTP/1.1\r\nhost: evil.example\r\n\r\n', 200);
  },
};

function chatOf(target: Target, content: string): string {
  const text = JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 1 });
  return head(target, Buffer.byteLength(text), '/v1/chat/completions') + text;
}
