/** Resolves how users name models: a folder, a Hugging Face Hub name, or an https address. */
import fs from 'node:fs/promises';
import { basename } from 'node:path';
import { InputError } from '../errors.ts';
import { isGiven } from '../platform/givenFiles.ts';
import { bundledFolder, isBundledName } from './bundledModels.ts';
import { type DownloadOptions, downloadModel } from './hub.ts';

const examples = 'expected a model folder, a Hub name such as "ridger/MMfreeLM-370M", or its https address';
const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * Returns the folder of a model, after downloading it if necessary; `plusminus/stories` and `plusminus/chat` are
 * bundled. An existing folder takes precedence over a Hub name that reads the same.
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
  if (found?.isDirectory()) return source;
  if (found) {
    throw new InputError(
      `${source}: found a file, expected the folder that holds it with its config.json (${basename(source)})`,
    );
  }
  if (!hubName.test(source)) throw new InputError(`model: no folder "${source}" found; ${examples}`);
  try {
    return await downloadModel(source, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`no folder "${source}" found, and as a Hub name: ${error.message}`, {
      cause: error,
    });
  }
}

/** https://host/owner/name or https://host/owner/name/tree/revision */
async function downloadFromAddress(address: string, options: DownloadOptions): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const parts = url?.pathname.match(/^\/([^/]+\/[^/]+)(?:\/tree\/([^/%]+))?\/?$/);
  if (url?.protocol !== 'https:' || !parts?.[1]) {
    throw new InputError(
      `model: found "${address}", expected https://huggingface.co/owner/name or …/owner/name/tree/revision`,
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
