/**
 * The bundled models: every folder of models/ (or of PLUSMINUS_WEB_MODELS) that holds a model becomes a folder of the
 * site, listed in models.json.
 * limits.json holds the first line of each card's limits.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const ownModels = fileURLToPath(new URL('../../models', import.meta.url));
const wanted =
  /^(config\.json|model.*\.safetensors(\.index\.json)?|tokenizer.*\.(json|model)|chat_template\.jinja|SHA256SUMS)$/;

export function models(): Plugin {
  return {
    name: 'plusminus-models',
    apply: 'build',
    async buildStart() {
      const folder = resolve(process.env.PLUSMINUS_WEB_MODELS ?? ownModels);
      const names = existsSync(folder) ? await readdir(folder) : [];
      const found = names.filter((name) => existsSync(join(folder, name, 'config.json'))).toSorted();
      const limits: Record<string, string> = {};
      for (const name of found) {
        const limit = firstLimit(await readFile(join(folder, name, 'README.md'), 'utf8').catch(() => ''));
        if (limit !== undefined) limits[name] = limit;
        for (const file of await readdir(join(folder, name))) {
          if (!wanted.test(file)) continue;
          const source = await readFile(join(folder, name, file));
          this.emitFile({ type: 'asset', fileName: `models/${name}/${file}`, source });
        }
      }
      this.emitFile({ type: 'asset', fileName: 'models.json', source: JSON.stringify(found) });
      this.emitFile({ type: 'asset', fileName: 'limits.json', source: JSON.stringify(limits) });
    },
  };
}

/** The first point under "Limits" of a model card. */
function firstLimit(readme: string): string | undefined {
  return /^## Limits\n+- (.*(?:\n {2}.*)*)/m.exec(readme)?.[1]?.replace(/\s+/g, ' ');
}
