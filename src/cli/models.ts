/** `plusminus models`: the catalogue and the downloaded models; `--remove` deletes one. */
import { Command } from 'commander';
import { type CatalogueEntry, catalogue, findInCatalogue } from '../checkpoint/catalogue.ts';
import { type CachedModel, listCached, removeCached } from '../checkpoint/hubCache.ts';
import { InputError } from '../errors.ts';
import { formatBytes, formatTable } from '../format.ts';
import { write, writeJson } from './output.ts';

const examples = `
Examples:
  $ plusminus models
  $ plusminus pull ternary-bonsai-1.7b
  $ plusminus models --remove ternary-bonsai-1.7b`;

interface Flags {
  readonly remove?: string;
  readonly json?: boolean;
}

export function modelsCommand(): Command {
  return new Command('models')
    .description(
      'List models by name, with their sizes and licenses, and the models that were downloaded. ' +
        'The Hub downloads to $XDG_CACHE_HOME/plusminus or ~/.cache/plusminus.',
    )
    .option('--remove <name>', 'delete a downloaded model from the disk')
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples)
    .action((flags: Flags) => (flags.remove === undefined ? list(flags) : remove(flags.remove, flags)));
}

async function list({ json }: Flags): Promise<void> {
  const cached = await listCached();
  if (json) {
    const models = catalogue.map(({ file, ...entry }) => ({ ...entry, file: file?.source }));
    await writeJson({ catalogue: models, downloaded: cached });
    return;
  }
  const lines = [
    ...formatTable(
      ['name', 'parameters', 'bits', 'download', 'memory', 'license', ''],
      catalogue.map((entry) => row(entry, cached)),
    ),
    '',
    ...catalogue.map(({ name, goodFor }) => `${name}: ${goodFor}`),
    '',
    ...downloadedLines(cached),
    'Sizes are about right; "plusminus pull NAME" shows exact ones. Licenses are the publishers\'.',
  ];
  await write(`${lines.join('\n')}\n`);
}

function row(entry: CatalogueEntry, cached: readonly CachedModel[]): string[] {
  const { name, parameters, bits, download, memory, license, repository } = entry;
  const here = cached.some((one) => one.complete && one.name.split(':')[0] === repository);
  const sizes = [billions(parameters), String(bits), formatBytes(download), formatBytes(memory)];
  return [name, ...sizes, license, here ? 'downloaded' : ''];
}

/** 2.4B, 370M: as models are named. */
function billions(parameters: number): string {
  return parameters < 1e9 ? `${Math.round(parameters / 1e6)}M` : `${(parameters / 1e9).toFixed(1)}B`;
}

function downloadedLines(cached: readonly CachedModel[]): string[] {
  if (cached.length === 0) return ['No model is downloaded.', ''];
  const rows = cached.map(({ name, bytes, complete }) => [
    name,
    formatBytes(bytes),
    complete ? 'complete' : 'incomplete: pull it again to resume',
  ]);
  return [...formatTable(['on this disk', 'size', ''], rows), ''];
}

async function remove(name: string, { json }: Flags): Promise<void> {
  const removed = await removeCached(findInCatalogue(name)?.repository ?? name);
  if (removed.length === 0) {
    const names = (await listCached()).map((one) => one.name).join(', ');
    const expected = names ? `expected one of ${names}` : 'and none at all, so there is nothing to remove';
    throw new InputError(`--remove: found no downloaded model "${name}", ${expected}`);
  }
  if (json) return writeJson({ removed });
  for (const one of removed) await write(`removed ${one.name} (${formatBytes(one.bytes)})\n`);
}
