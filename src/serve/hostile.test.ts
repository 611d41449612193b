/**
 * Hostile HTTP. Whatever comes, the server answers with a status that blames the client, or closes the connection;
 * it never fails, and those who behave are served meanwhile.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Completion, startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let good: { stop(): Promise<number> };

beforeAll(async () => {
  const limits = {
    bodyBytes: 65_536,
    requestBytes: 2 * 8 * 65_536,
    promptTokens: 2000,
    maxTokens: 4000,
    stallSeconds: 1,
  };
  server = await startTestServer({ limits, slots: 8, maxWaiting: 4 }, { receiveSeconds: 1 });
  good = goodClient();
});
afterAll(async () => {
  await good?.stop();
  await server?.close();
});
afterEach(async () => {
  expect(server.runtime.scheduler.failure).toBeUndefined();
  await expect.poll(() => server.runtime.scheduler.active).toBeLessThanOrEqual(1); // the good client's
});

/** Asks again and again, and always wants the same answer. */
function goodClient() {
  let [running, answers] = [true, 0];
  const body = { prompt: 'Call me Ishmael', temperature: 0, max_tokens: 8 };
  let expected: string | undefined;
  const done = (async () => {
    while (running) {
      const response = await server.post('/v1/completions', body);
      expect([200, 429]).toContain(response.status);
      const { choices } = (await response.json()) as Partial<Completion>;
      if (choices) {
        expected ??= choices[0]!.text;
        expect(choices[0]!.text).toBe(expected);
        answers += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  done.catch(() => {}); // told by stop
  return {
    async stop() {
      running = false;
      await done;
      return answers;
    },
  };
}

async function openSocket(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** What the server says to these bytes until it closes the connection, or for `milliseconds`. */
async function say(bytes: string | Uint8Array, milliseconds = 5000): Promise<string> {
  const socket = await openSocket();
  let heard = '';
  socket.on('data', (part) => {
    heard += part;
  });
  socket.on('error', () => {}); // a connection that the server cuts off
  const closed = once(socket, 'close').catch(() => {});
  socket.write(bytes);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, milliseconds))]);
  socket.destroy();
  return heard;
}

const head = (length: number | string, more = '') =>
  `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${more}\r\n`;

async function refusal(path: string, body: unknown, headers?: Record<string, string>) {
  const response = await server.post(path, body, headers);
  const { error } = (await response.json()) as { error: { message: string; param: string | null } };
  return { status: response.status, ...error };
}

describe('bodies', () => {
  const bodies: [body: string, status: number][] = [
    ['', 400],
    ['{', 400],
    ['[]', 400],
    ['null', 400],
    ['"text"', 400],
    ['{"prompt": "a", "prompt": 3}', 400],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 400],
    [`{"prompt": ${'['.repeat(1000)}1${']'.repeat(1000)}}`, 400],
    [`{"__proto__": {"n": 5}, "prompt": "a"}`, 400],
    [`{"prompt": "${'a'.repeat(70_000)}"}`, 413],
    [`{"prompt": "${'a '.repeat(20_000)}"}`, 400],
    [`{"prompt": [${'1,'.repeat(3000)}1]}`, 400],
    [`{"prompt": [600]}`, 400],
    [`{"prompt": [-1]}`, 400],
    [`{"prompt": [1e300]}`, 400],
    [`{"prompt": [[]]}`, 200], // as the empty text
    [`{"prompt": []}`, 400],
    [`{"prompt": "\\ud800", "max_tokens": 1}`, 200],
    [`{"max_tokens": -2}`, 400],
    [`{"max_tokens": -0.5}`, 400],
    [`{"n": 1e9}`, 400],
    [`{"stop": [${'"a",'.repeat(20)}"a"]}`, 400],
    [`{"logit_bias": {"600": 1}}`, 400],
    [`{"logit_bias": {"__proto__": 1}}`, 200], // JavaScript's own name is not a field
    [`{"seed": 1.5}`, 400],
    [`{"state": "pms1.AAAA"}`, 400],
    [`{"state": 5}`, 400],
    [`{"session": "../../etc/passwd"}`, 400],
  ];

  it.each(bodies.map(([body, status]) => [body.slice(0, 60), status, body] as const))(
    '%s → %i',
    async (_, status, body) => {
      const response = await server.post('/v1/completions', body);
      const text = await response.text();
      expect(response.status, text.slice(0, 300)).toBe(status);
      if (status >= 400) {
        const { error } = JSON.parse(text) as { error: { message: string; type: string } };
        expect(error.type).toBe('invalid_request_error');
        expect(error.message.length).toBeLessThan(400);
      }
    },
  );

  it('are JSON by name and by nature', async () => {
    expect(await refusal('/v1/completions', '{}', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
    });
    const bytes = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    });
    expect(bytes.status).toBe(400);
  });

  it('are never answered with a failure, whatever they hold', async () => {
    const names =
      'prompt messages max_tokens temperature top_p n stop stream seed logprobs echo state session user';
    const field = fc.constantFrom(...names.split(' '), 'logit_bias', 'stream_options', 'best_of', 'x');
    const request = fc.dictionary(field, fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.integer(), fc.string()));
    const path = fc.constantFrom('/v1/completions', '/v1/chat/completions', '/v1/sessions/a');
    await fc.assert(
      fc.asyncProperty(path, request, async (to, body) => {
        const response = await server.post(to, { max_tokens: 2, ...body });
        const text = await response.text();
        expect(response.status, `${JSON.stringify(body)}: ${text.slice(0, 200)}`).toBeLessThan(500);
        if (response.status !== 200 && text.startsWith('{"error"'))
          expect(JSON.parse(text).error.message).toBeTypeOf('string');
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  it('that are too large together are refused', async () => {
    const sockets = await Promise.all(Array.from({ length: 12 }, openSocket));
    const heard = sockets.map(() => '');
    for (const [index, socket] of sockets.entries()) {
      socket.on('data', (part) => {
        heard[index] = heard[index]! + part;
      });
      socket.on('error', () => {});
      socket.write(head(60_000) + ' '.repeat(59_000));
    }
    await expect
      .poll(() => heard.filter((text) => text.startsWith('HTTP/1.1 503')).length)
      .toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
  });
});

describe('connections', () => {
  it('that write slowly are closed', async () => {
    const began = performance.now();
    expect(await say('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n')).toMatch(/^HTTP\/1\.1 408|^$/);
    expect(await say(`${head(100)}{"prompt"`)).toMatch(/^HTTP\/1\.1 408|^$/);
    expect(performance.now() - began).toBeLessThan(9000);
  });

  it('with floods of headers are refused', async () => {
    expect(await say(head(2, `x: ${'y'.repeat(20_000)}\r\n`))).toMatch(/^HTTP\/1\.1 431/);
    const many = Array.from({ length: 5000 }, (_, i) => `h${i}: v\r\n`).join('');
    expect(await say(head(2, many))).toMatch(/^HTTP\/1\.1 431/);
  });

  it('that do not speak HTTP are refused', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01\x00',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      '\0'.repeat(1000),
    ])
      expect(await say(bytes, 1500)).toMatch(/^HTTP\/1\.1 (400|505|408)|^$/);
    expect(await say(head('-5'), 1500)).toMatch(/^HTTP\/1\.1 400/);
    expect(await say(head('5, 6'), 1500)).toMatch(/^HTTP\/1\.1 400/);
    const smuggled = head(5, 'transfer-encoding: chunked\r\n');
    expect(await say(`${smuggled}0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`, 1500)).toMatch(/^HTTP\/1\.1 400/);
  });

  it('that say random bytes do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.boolean(),
        async (bytes, asBody) => {
          const sent = asBody
            ? Buffer.concat([Buffer.from(head(bytes.length, 'connection: close\r\n')), bytes])
            : bytes;
          const heard = await say(sent, asBody ? 3000 : 30);
          expect(heard).not.toMatch(/^HTTP\/1\.1 5(?!05)/);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('that do not read their answers lose them, and their slots', async () => {
    const body = JSON.stringify({
      prompt: 'x',
      stream: true,
      max_tokens: 4000,
      ignore_eos: true,
      n: 7,
      logprobs: 20,
    });
    const socket = await openSocket();
    socket.on('error', () => {});
    socket.pause();
    socket.write(head(body.length, 'connection: close\r\n') + body);
    await expect.poll(() => server.runtime.scheduler.active, { timeout: 5000 }).toBeGreaterThan(3);
    await expect.poll(() => server.runtime.scheduler.active, { timeout: 40_000 }).toBeLessThanOrEqual(1);
    let heard = '';
    socket.on('data', (part) => {
      heard += part;
    });
    socket.resume();
    await once(socket, 'close');
    expect(heard).toMatch(/^HTTP\/1\.1 200/);
    expect(heard).not.toContain('[DONE]');
  });

  it('that leave before their answer give their slots back', async () => {
    const body = JSON.stringify({ prompt: 'x', max_tokens: 500, ignore_eos: true });
    for (let i = 0; i < 20; i++) {
      const socket = await openSocket();
      socket.write(head(body.length) + body);
      await new Promise((resolve) => setTimeout(resolve, 3 * i));
      socket.destroy();
    }
  });
});

describe('paths', () => {
  it.each([
    '/../../etc/passwd',
    '/v1/../v1/models/..%2f..%2fetc',
    '/v1/models/%2e%2e%2f',
    '/v1/sessions/..%2F..%2Fx',
    '//v1/models',
    '/%',
    '/v1/models/%ff',
    `/${'a'.repeat(100)}`,
    '/v1/completions',
  ])('GET %s', async (path) => {
    const heard = await say(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    expect(heard).toMatch(/^HTTP\/1\.1 (400|404|405)/);
    expect(heard).not.toMatch(/root:/);
  });
});

describe('too many at once', () => {
  it('are told when to come back', async () => {
    const ask = () => server.post('/v1/completions', { prompt: 'x', max_tokens: 60, ignore_eos: true });
    const responses = await Promise.all(Array.from({ length: 40 }, ask));
    const refused = responses.filter(({ status }) => status === 429);
    expect(responses.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(11);
    expect(refused.length).toBeGreaterThan(10);
    for (const response of refused) {
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toMatchObject({
        error: { type: 'rate_limit_error', code: 'server_busy' },
      });
    }
    await Promise.all(responses.map((response) => response.bodyUsed || response.text()));
  });
});

it('served the good client all the while', async () => {
  expect(await good.stop()).toBeGreaterThan(20);
});
