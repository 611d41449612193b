/** The two requests to the Hugging Face Hub that loading needs: a revision's commit, and a commit's files. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { show } from '../json.ts';

/** The Hub refused a request. */
export class HubApiError extends Error {
  override name = 'HubApiError';
  readonly status: number;

  constructor(url: string, status: number, reason: string) {
    super(`${url}: status ${status} ${reason}`.trimEnd());
    this.status = status;
  }
}

/** The address of a repository's API, and how to reach it. */
export interface HubApi {
  readonly kind: 'model' | 'dataset';
  readonly id: string;
  readonly hubUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly token: string | undefined;
}

const revisionSchema = v.object({ sha: v.string() });

/** Returns the commit hash of a branch or tag. */
export async function commitOf(api: HubApi, revision: string): Promise<string> {
  const url = `${apiUrl(api)}/revision/${encodeURIComponent(revision)}?expand[]=sha`;
  return parse(revisionSchema, await (await request(api, url)).json(), url).sha;
}

const entriesSchema = v.array(
  v.object({
    type: v.string(),
    path: v.string(),
    size: v.optional(v.unknown()),
    oid: v.optional(v.string()),
    lfs: v.optional(v.object({ oid: v.string() })),
  }),
);
export type HubEntry = v.InferOutput<typeof entriesSchema>[number];

/** No repository needs more pages of a thousand files; a Hub that links pages in a circle must not loop forever. */
const maxPages = 1000;

/** Yields the files and folders of a commit, in the Hub's order. */
export async function* treeOf(api: HubApi, commit: string, recursive: boolean): AsyncGenerator<HubEntry> {
  let url = `${apiUrl(api)}/tree/${commit}?recursive=${recursive}`;
  for (let page = 0; page < maxPages; page++) {
    const response = await request(api, url);
    yield* parse(entriesSchema, await response.json(), url);
    const next = /<([^>]+)>\s*;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    if (next === undefined) return;
    const address = new URL(next, url);
    // The request carries the token, which only this Hub may receive.
    if (address.origin !== new URL(api.hubUrl).origin) {
      throw new InputError(`${url}: its next page is on ${address.origin}, expected ${api.hubUrl}`);
    }
    url = address.href;
  }
  throw new InputError(`${url}: found more than ${maxPages} pages of files`);
}

function apiUrl({ kind, id, hubUrl }: HubApi): string {
  return `${hubUrl}/api/${kind}s/${id}`;
}

async function request({ fetch, token }: HubApi, url: string): Promise<Response> {
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { headers: { accept: 'application/json', ...authorization } });
  if (response.ok) return response;
  throw new HubApiError(url, response.status, (await reasonOf(response)) ?? response.statusText);
}

/** The Hub explains refusals in JSON: `{ "error": "Repository not found" }`. */
async function reasonOf(response: Response): Promise<string | undefined> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = (body as { error?: unknown } | undefined)?.error;
  return typeof error === 'string' ? error.slice(0, 200) : undefined;
}

function parse<Schema extends v.GenericSchema>(schema: Schema, answer: unknown, url: string) {
  const result = v.safeParse(schema, answer);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError(
    `${url}: ${v.getDotPath(issue) ?? 'answer'}: found ${show(issue.input)}, expected ${issue.expected}`,
  );
}
