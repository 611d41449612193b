/**
 * The bundled models: every folder of models/ (or of PLUSMINUS_WEB_MODELS) that holds a model becomes a folder of the
 * site, listed in models.json.
 * limits.json holds the first line of each card's limits.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { siteFiles } from './siteFiles.ts';

const ownModels = fileURLToPath(new URL('../../models', import.meta.url));
const wanted =
  /^(config\.json|model.*\.safetensors(\.index\.json)?|tokenizer.*\.(json|model)|chat_template\.jinja|SHA256SUMS)$/;

export const models = () => siteFiles('plusminus-models', readModels);

async function readModels(): Promise<Map<string, string | Uint8Array>> {
  const folder = resolve(process.env.PLUSMINUS_WEB_MODELS ?? ownModels);
  const names = existsSync(folder) ? await readdir(folder) : [];
  const found = names.filter((name) => existsSync(join(folder, name, 'config.json'))).toSorted();
  const files = new Map<string, string | Uint8Array>([['models.json', JSON.stringify(found)]]);
  const limits: Record<string, string> = {};
  for (const name of found) {
    const limit = firstLimit(await readFile(join(folder, name, 'README.md'), 'utf8').catch(() => ''));
    if (limit !== undefined) limits[name] = limit;
    for (const file of await readdir(join(folder, name)))
      if (wanted.test(file)) files.set(`models/${name}/${file}`, await readFile(join(folder, name, file)));
  }
  return files.set('limits.json', JSON.stringify(limits));
}

/** The first point under "Limits" of a model card. */
function firstLimit(readme: string): string | undefined {
  return /^## Limits\n+- (.*(?:\n {2}.*)*)/m.exec(readme)?.[1]?.replace(/\s+/g, ' ');
}
