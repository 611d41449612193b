/** Models by address or Hub name, in a browser: all files are fetched and cached before any is read. */
import { findInCatalogue } from '../checkpoint/catalogue.ts';
import { listName } from '../checkpoint/checksumList.ts';
import { treeOf } from '../checkpoint/hubApi.ts';
import { InputError } from '../errors.ts';
import { isObject, parseJsonObject } from '../json.ts';
import { fetchModelFile, reopenFolder } from './browserCache.ts';
import { expectHashes } from './expectedHashes.ts';
import { ggufParts, isFirstGguf, isGguf } from './ggufPaths.ts';
import { isGiven } from './givenFiles.ts';
import { keptModels } from './keptModels.ts';
import type { DownloadOptions } from './platform.ts';

const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
/** owner/name:file.gguf */
const hubFile = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*):([\w-][\w.-]*\.gguf)$/i;
const hubPage = /^\/([^/]+\/[^/]+)(?:\/tree\/([^/]+))?\/?$/;
const hub = 'https://huggingface.co';

/**
 * The address of the folder of a model, or of its GGUF file.
 * @param source the address of a folder with config.json and model.safetensors, absolute or relative to the page,
 *   a name of the catalogue (catalogue.ts), a Hub name such as `ridger/MMfreeLM-370M` or `owner/name:file.gguf`, or its page's address. What begins with `./`, `../` or `/` is
 *   never a Hub name.
 */
export async function findModelFolder(source: string, options: DownloadOptions = {}): Promise<string> {
  if (isGiven(source)) return source;
  const folder = folderAddress(await inCatalogue(source, options), options);
  const { signal, onProgress } = options;
  reopenFolder(folder);
  if (isGguf(folder)) {
    await fetchGguf(folder, options);
    return folder;
  }
  const file = async (name: string, progress?: typeof onProgress) =>
    fetchModelFile(`${folder}/${name}`, { signal, onProgress: progress });
  // The Hub's repositories have no such list, and its files come over https from the Hub itself.
  await expectHashes(folder, folder.startsWith(`${hub}/`) ? undefined : await file(listName).catch(absent));
  signal?.throwIfAborted();
  await file('config.json');
  const single = await file('model.safetensors', onProgress);
  if (!single) await fetchShards(await file('model.safetensors.index.json'), file, onProgress);
  return folder;
}

/** Some servers refuse what does not exist; without a network, the files themselves say so. */
function absent(): undefined {}

function folderAddress(source: string, { revision = 'main', hubUrl = hub }: DownloadOptions): string {
  if (typeof source !== 'string' || source === '') {
    throw new InputError(`model: found ${JSON.stringify(source)}, expected the address of a model folder`);
  }
  const bundled = /^plusminus\/([\w-]+)$/.exec(source);
  if (bundled) return new URL(`models/${bundled[1]}`, location.href).href; // which the app serves beside its page
  if (hubName.test(source) && !source.startsWith('.')) return `${hubUrl}/${source}/resolve/${revision}`;
  const [, repository, file] = hubFile.exec(source) ?? [];
  if (repository) return `${hubUrl}/${repository}/resolve/${revision}/${file}`;
  const url = URL.canParse(source, location.href) ? new URL(source, location.href) : undefined;
  if (!url || url.origin === 'null') {
    throw new InputError(`model: found ${JSON.stringify(source)}, expected the address of a model folder`);
  }
  const page = url.origin === hub ? url.pathname.match(hubPage) : undefined;
  if (page) return `${hub}/${page[1]}/resolve/${page[2] ?? revision}`;
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** The Hub name of a model of the catalogue; other sources as they are. */
async function inCatalogue(source: string, options: DownloadOptions): Promise<string> {
  const entry = typeof source === 'string' ? findInCatalogue(source) : undefined;
  if (!entry?.file) return entry?.repository ?? source;
  const { repository, file } = entry;
  const { revision = 'main', hubUrl = hub, token } = options;
  const names: string[] = [];
  try {
    const api = { kind: 'model', id: repository, hubUrl, fetch: fetch.bind(globalThis), token } as const;
    for await (const { path } of treeOf(api, revision, false)) if (isFirstGguf(path)) names.push(path);
  } catch (error) {
    // Without a network: the file that is kept.
    const beginning = `${hubUrl}/${repository}/resolve/`;
    for (const { address } of await keptModels())
      if (address.startsWith(beginning)) names.push(address.split('/').at(-1)!);
    if (names.length === 0)
      throw new InputError(`${repository}: ${(error as Error).message}`, { cause: error });
  }
  const found = names.filter((name) => file.test(name));
  if (found.length === 1) return `${repository}:${found[0]}`;
  throw new InputError(
    `${repository}: found ${names.join(', ') || 'no GGUF file'}, expected one file that matches ${file}; ` +
      `name one: "${repository}:${found[0] ?? names[0] ?? 'file.gguf'}"`,
  );
}

/** A GGUF file, and its further parts if it was split. */
async function fetchGguf(address: string, { signal, onProgress }: DownloadOptions): Promise<void> {
  let before = 0;
  for (const part of ggufParts(address).slice(0, 1000)) {
    const blob = await fetchModelFile(part, {
      signal,
      onProgress: ({ loaded, total }) => onProgress?.({ loaded: before + loaded, total: before + total }),
    });
    before += blob?.size ?? 0;
  }
}

type FetchNamed = (name: string, progress?: DownloadOptions['onProgress']) => Promise<Blob | undefined>;

/** Sizes of later shards are not known in advance; the total grows as they come. */
async function fetchShards(
  index: Blob | undefined,
  file: FetchNamed,
  onProgress: DownloadOptions['onProgress'],
): Promise<void> {
  if (index === undefined || index.size > 100_000_000) return; // reading the checkpoint will say what is wrong
  const { weight_map: map = {} } = parseJsonObject(
    new Uint8Array(await index.arrayBuffer()),
    'model.safetensors.index.json',
  );
  const shards = [...new Set(Object.values(isObject(map) ? map : {}))]
    .filter((name) => typeof name === 'string')
    .slice(0, 1000);
  let before = 0;
  for (const name of shards) {
    const shard = await file(name, ({ loaded, total }) =>
      onProgress?.({ loaded: before + loaded, total: before + total }),
    );
    before += shard?.size ?? 0;
  }
}
