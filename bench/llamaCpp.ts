/**
 * Measures llama.cpp in the same run, through node-llama-cpp if the user has installed it. It is not a dependency, because
 * only this comparison needs it.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError } from '../src/errors.ts';
import { type ConfigName, namedConfig } from '../src/model/config.ts';
import { child } from './child.ts';
import type { LlamaCppResult } from './llamaCppCase.ts';
import { ternaryBytes, writeLlamaModel } from './llamaCppModel.ts';
import type { Contender } from './protocol.ts';

const packageName = 'node-llama-cpp';

export interface LlamaCpp {
  /** A specifier for `import`. */
  readonly entry: string;
  readonly version: string;
}

/** The llama.cpp case, with a random model of this size, made in `folder` if it is not there yet. */
export async function llamaCppContender(
  { entry }: LlamaCpp,
  size: ConfigName,
  folder: string,
): Promise<Contender> {
  const config = namedConfig(size);
  const path = join(folder, `${size}.gguf`);
  if (!existsSync(path)) {
    console.error(`making ${path} with random weights`);
    await mkdir(folder, { recursive: true });
    await writeLlamaModel(path, config);
  }
  const bytesPerToken = ternaryBytes(config);
  return {
    engine: 'llama.cpp TQ2_0, ternary head',
    async measure(threads) {
      const result = await child<LlamaCppResult>('llamaCppCase.ts', path, threads, entry);
      return { ...result, bytesPerToken };
    },
  };
}

/** Looks in `folder` and its parents, as an import from there would. */
export async function findLlamaCpp(folder: string): Promise<LlamaCpp> {
  const manifest = findManifest(folder);
  if (!manifest) {
    throw new InputError(
      `--llama: found no ${packageName} from ${resolve(folder)}, expected it in node_modules. ` +
        `Install it there (npm install --no-save ${packageName}), or name the folder where it is: --llama FOLDER`,
    );
  }
  const { version, exports } = JSON.parse(await readFile(manifest, 'utf8'));
  return { entry: pathToFileURL(join(dirname(manifest), exports['.'].import)).href, version };
}

function findManifest(folder: string): string | undefined {
  try {
    return findPackageJSON(packageName, pathToFileURL(join(resolve(folder), 'anyone.js')));
  } catch {
    return undefined; // thrown if no parent folder has the package
  }
}
