import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findModelFolder } from './modelSource.ts';
import { golden, temporaryFolder } from './testing.ts';

beforeEach(() => vi.stubEnv('HF_TOKEN', 'hf_secret'));
afterEach(() => vi.unstubAllEnvs());

/** What is asked of a hub that knows nothing. */
async function asked(source: string): Promise<{ url: string; token: string | null }[]> {
  const requests: { url: string; token: string | null }[] = [];
  const fetch: typeof globalThis.fetch = async (url, init) => {
    requests.push({ url: String(url), token: new Headers(init?.headers).get('authorization') });
    return new Response('{}', { status: 404 });
  };
  const cacheDir = await temporaryFolder();
  await expect(findModelFolder(source, { fetch, cacheDir })).rejects.toThrow(/not found \(404\)/);
  return requests;
}

it('takes a folder as it is', async () => {
  expect(await findModelFolder(golden)).toBe(golden);
});

it('asks the Hub for a name, with the token', async () => {
  const [request] = await asked('owner/name');
  expect(request!.url).toMatch(/^https:\/\/huggingface\.co\/api\/models\/owner\/name/);
  expect(request!.token).toBe('Bearer hf_secret');
  const [other] = await asked('https://huggingface.co/owner/name');
  expect(other).toEqual(request);
});

it('asks other hosts without the token, for the revision of the address', async () => {
  const [request] = await asked('https://hub.example.com/owner/name/tree/v1.0');
  expect(request!.url).toMatch(/^https:\/\/hub\.example\.com\/api\/models\/owner\/name\/revision\/v1\.0/);
  expect(request!.token).toBeNull();
});

it.each([
  'https://huggingface.co/owner',
  'https://huggingface.co/a/b/blob/main/x',
  'http://a/b/c',
  's3://a/b',
])('refuses %s', async (source) => {
  await expect(findModelFolder(source)).rejects.toThrow(/expected https:\/\/huggingface\.co\/owner\/name/);
});
