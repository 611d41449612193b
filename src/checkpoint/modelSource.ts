/** Resolves how users name models: a folder, a GGUF file, a Hugging Face Hub name, or an address. */
import fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError } from '../errors.ts';
import { isFirstGguf, isGguf } from '../platform/ggufPaths.ts';
import { isGiven } from '../platform/givenFiles.ts';
import { bundledFolder, isBundledName } from './bundledModels.ts';
import { catalogue, findInCatalogue } from './catalogue.ts';
import { type DownloadOptions, downloadModel, hubName, nameOfFile } from './hub.ts';

const examples =
  `expected a model folder, a GGUF file, a name that "plusminus models" lists (such as ${catalogue[0]?.name}), a Hub ` +
  'name such as "ridger/MMfreeLM-370M" or "owner/name:file.gguf", or an https address';

/**
 * Returns the folder of a model, or its GGUF file, after downloading it if necessary; `plusminus/stories` and
 * `plusminus/chat` are bundled, and models of the catalogue have short names. A GGUF file at an address outside the Hub is not downloaded: the address is returned, and
 * parts of the file are read when they are needed. An existing folder takes precedence over a Hub name that reads the
 * same.
 * @throws InputError if there is no such model; the signal's reason if it is aborted
 */
export async function findModelFolder(source: string, options: DownloadOptions = {}): Promise<string> {
  if (typeof source !== 'string' || source === '') {
    throw new InputError(`model: found ${JSON.stringify(source)}, ${examples}`);
  }
  if (isGiven(source)) return source;
  if (isBundledName(source)) return bundledFolder(source);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return downloadFromAddress(source, options);
  const found = await fs.stat(source).catch(() => undefined);
  if (found?.isDirectory()) return (await onlyGguf(source)) ?? source;
  if (found?.isFile() && isGguf(source)) return source;
  if (found) {
    throw new InputError(
      `${source}: found a file, expected the folder that holds it with its config.json (${basename(source)})`,
    );
  }
  const entry = findInCatalogue(source);
  if (entry) {
    const { repository, file } = entry;
    return downloadModel(file ? await nameOfFile(repository, file, options) : repository, options);
  }
  if (!hubName.test(source)) throw new InputError(`model: no folder or file "${source}" found; ${examples}`);
  try {
    return await downloadModel(source, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`no folder "${source}" found, and as a Hub name: ${error.message}`, {
      cause: error,
    });
  }
}

/** The GGUF file in a folder that holds one, or the parts of one, and no config.json. */
async function onlyGguf(folder: string): Promise<string | undefined> {
  const names = await fs.readdir(folder);
  const files = names.filter(isFirstGguf);
  if (files.length === 0 || names.includes('config.json')) return undefined;
  if (files.length === 1) return join(folder, files[0]!);
  throw new InputError(
    `${folder}: holds ${files.join(', ')}; expected the name of one: ${join(folder, files[0]!)}`,
  );
}

/** https://host/owner/name/blob/revision/file.gguf, or /resolve/ */
const fileOfHub = /^\/([^/]+\/[^/]+)\/(?:blob|resolve)\/([^/%]+)\/([^/]+\.gguf)$/i;

/** https://host/owner/name, https://host/owner/name/tree/revision, or an address of a GGUF file */
async function downloadFromAddress(address: string, options: DownloadOptions): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const file = url?.hostname === 'huggingface.co' ? url.pathname.match(fileOfHub) : undefined;
  if (file) return downloadModel(`${file[1]}:${file[3]}`, { ...options, revision: file[2] });
  if (url && /^https?:$/.test(url.protocol) && isGguf(url.href)) return url.href;
  const parts = url?.pathname.match(/^\/([^/]+\/[^/]+)(?:\/tree\/([^/%]+))?\/?$/);
  if (url?.protocol !== 'https:' || !parts?.[1]) {
    throw new InputError(
      `model: found "${address}", expected https://huggingface.co/owner/name, …/owner/name/tree/revision, or the address of a .gguf file`,
    );
  }
  return downloadModel(parts[1], {
    ...options,
    hubUrl: url.origin,
    revision: parts[2] ?? options.revision,
    // Do not send the Hub's token to other hosts.
    token: options.token ?? (url.hostname === 'huggingface.co' ? undefined : ''),
  });
}
