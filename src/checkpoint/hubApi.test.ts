import { expect, it } from 'vitest';
import { commitOf, type HubApi, HubApiError, treeOf } from './hubApi.ts';

function apiOf(answer: (url: URL, headers: Headers) => Response): HubApi {
  const fetch = async (url: string | URL | Request, init?: RequestInit) =>
    answer(new URL(String(url)), new Headers(init?.headers));
  return { kind: 'model', id: 'a/b', hubUrl: 'https://hub.test', fetch, token: 'secret' };
}

const file = (path: string) => ({ type: 'file', path, size: 1 });
async function paths(api: HubApi): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of treeOf(api, 'c', true)) found.push(path);
  return found;
}

it('follows the pages of a listing, with the token', async () => {
  const api = apiOf((url, headers) => {
    expect(headers.get('authorization')).toBe('Bearer secret');
    if (url.searchParams.has('cursor')) return Response.json([file('b')]);
    const link = `<https://hub.test${url.pathname}?cursor=1>; rel="next"`;
    return Response.json([file('a')], { headers: { link } });
  });
  expect(await paths(api)).toEqual(['a', 'b']);
});

it('sends the token to no other host, and follows no circle of pages', async () => {
  const to = (next: string) => apiOf(() => Response.json([], { headers: { link: `<${next}>; rel="next"` } }));
  await expect(paths(to('https://elsewhere.test/'))).rejects.toThrow(
    'its next page is on https://elsewhere.test, expected https://hub.test',
  );
  await expect(paths(to('/again'))).rejects.toThrow('more than 1000 pages');
});

it("reports a refusal with the Hub's reason, and a field that is wrong by its name", async () => {
  const refused = commitOf(
    apiOf(() => Response.json({ error: 'Repository not found' }, { status: 404 })),
    'main',
  );
  await expect(refused).rejects.toThrow(HubApiError);
  await expect(refused).rejects.toMatchObject({
    status: 404,
    message: expect.stringContaining('Repository not found'),
  });
  await expect(
    commitOf(
      apiOf(() => Response.json({ sha: 5 })),
      'main',
    ),
  ).rejects.toThrow('sha: found 5, expected string');
});
