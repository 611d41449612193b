import { readFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { readAsset as readInBrowser } from './browser.ts';
import { readInlinedFile } from './inlinedFile.ts';
import { readAsset as readInNode } from './node.ts';

const file = new URL('../../build/draw.wasm', import.meta.url);

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['a page whose policy forbids fetching it', readInBrowser],
  ['Node', readInNode],
])('a file that a bundler inlined is read in %s', async (_, readAsset) => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  const bytes = await readFile(file);
  const inlined = new URL(`data:application/wasm;base64,${bytes.toString('base64')}`, import.meta.url);
  expect(Buffer.from(await readAsset(inlined)).equals(bytes)).toBe(true);
});

it('other addresses are not taken for inlined files', () => {
  expect(readInlinedFile(file)).toBeUndefined();
  expect(readInlinedFile(new URL('https://host/x;base64,AAAA'))).toBeUndefined();
});
