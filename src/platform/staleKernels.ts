/**
 * Checks that the compiled kernels match their sources. After a `git pull` without `npm run build` they may not, and
 * would misread their arguments.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Beside the kernels, written with them: the SHA-256 of each source by its path, from the repository's root. */
export const sourcesFile = 'kernels.json';

export function hashOf(source: Uint8Array): string {
  return createHash('sha256').update(source).digest('hex');
}

/**
 * Reads and compares only sources that are newer than the kernels. Kernels without sources, as in the package, are
 * accepted.
 * @throws Error if a source has changed since
 */
export async function refuseStaleKernels(kernels: URL): Promise<void> {
  const list = await readFile(new URL(sourcesFile, kernels), 'utf8').catch(() => undefined);
  if (list === undefined) return;
  const built = (await stat(kernels)).mtimeMs;
  const check = async ([path, hash]: [string, string]) => {
    const source = fileURLToPath(new URL(`../${path}`, kernels));
    const status = await stat(source).catch(() => undefined);
    if (!status || status.mtimeMs <= built || hashOf(await readFile(source)) === hash) return;
    throw new Error(`the kernels are older than their sources: ${path} has changed; run "npm run build"`);
  };
  await Promise.all(Object.entries(JSON.parse(list) as Record<string, string>).map(check));
}
