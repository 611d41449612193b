/** Beginnings that chats share, kept as states the first time: the second chat reads its own messages only. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

interface Answer {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

async function chat(server: TestServer, messages: object[], more: object = {}): Promise<Answer> {
  const response = await server.post('/v1/chat/completions', {
    messages,
    max_tokens: 4,
    temperature: 0,
    ...more,
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

const system = { role: 'system', content: 'Tell the truth about whales, and be brief. '.repeat(20) };
const ask = (content: string) => [system, { role: 'user', content }];
const unread = ({ usage }: Answer) => usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens;

it('the second chat with a system message, or with tools, reads its own message only', async () => {
  const server = await startTestServer();
  try {
    const first = await chat(server, ask('Who are you?'));
    expect(unread(first)).toBe(first.usage.prompt_tokens);
    const second = await chat(server, ask('Is the sea wet?'));
    expect(unread(second)).toBeLessThan(40);
    const expected = await server.model.complete(ask('Is the sea wet?') as never, {
      temperature: 0,
      maxTokens: 4,
    });
    expect(second.choices[0]!.message.content).toBe(expected.text);
    const tools = [{ type: 'function', function: { name: 'plan', description: 'x'.repeat(200) } }];
    await chat(server, [{ role: 'user', content: 'One' }], { tools });
    expect(unread(await chat(server, [{ role: 'user', content: 'Two' }], { tools }))).toBeLessThan(40);
  } finally {
    await server.close();
  }
});

it('is on the disk at once, for the next start', async () => {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'plusminus-prefix-'));
  try {
    const before = await startTestServer({ cacheFolder });
    await chat(before, ask('Who are you?'));
    await before.close();
    const after = await startTestServer({ cacheFolder });
    expect(unread(await chat(after, ask('Is the sea wet?')))).toBeLessThan(40);
    await after.close();
  } finally {
    await rm(cacheFolder, { recursive: true });
  }
});
