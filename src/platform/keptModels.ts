/** The models whose files a page keeps, and their sizes. */
import { fileHeader, openCache, sizeHeader } from './browserCache.ts';
import { isGguf } from './ggufPaths.ts';
import { deleteFile } from './keptFiles.ts';

export interface KeptModel {
  /** The address of the folder, or of the GGUF file. */
  readonly address: string;
  readonly bytes: number;
  /** Whether it was fetched to its end. */
  readonly complete: boolean;
}

/** The largest first. Empty where site data is blocked. */
export async function keptModels(): Promise<KeptModel[]> {
  const models = new Map<string, KeptModel>();
  for (const { url, part, response } of await keptAnswers()) {
    const address = isGguf(url) ? url : url.slice(0, url.lastIndexOf('/'));
    const before = models.get(address) ?? { address, bytes: 0, complete: true };
    const bytes = before.bytes + (await sizeOf(response));
    models.set(address, { address, bytes, complete: before.complete && !part });
  }
  return [...models.values()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
}

/** Deletes the files of a model, begun ones too. */
export async function deleteKept(address: string): Promise<void> {
  const cache = await openCache();
  for (const { request, url, response } of await keptAnswers()) {
    if (url !== address && !url.startsWith(`${address}/`)) continue;
    const file = response.headers.get(fileHeader);
    if (file !== null) await deleteFile(file);
    await cache?.delete(request);
  }
}

async function keptAnswers() {
  const cache = await openCache();
  if (!cache) return [];
  const answers = await Promise.all(
    (await cache.keys()).map(async (request) => {
      const [, url = request.url, part] = /^(.*?)[?&](plusminus-part)$/.exec(request.url) ?? [];
      return { request, url, part: part !== undefined, response: await cache.match(request) };
    }),
  );
  return answers.flatMap(({ response, ...rest }) => (response ? [{ ...rest, response }] : []));
}

async function sizeOf(response: Response): Promise<number> {
  const size = response.headers.get(sizeHeader);
  return size === null ? (await response.blob()).size : Number(size);
}
