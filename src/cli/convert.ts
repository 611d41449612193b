/** `plusminus convert`: converts between float and packed weights, or creates a model with random weights. */
import { Command, Option } from 'commander';
import { convertCheckpoint } from '../checkpoint/convert.ts';
import { exportGguf } from '../checkpoint/gguf/exportGguf.ts';
import { isWeightFile } from '../checkpoint/modelFiles.ts';
import { findModelFolder } from '../checkpoint/modelSource.ts';
import { randomCheckpoint } from '../checkpoint/random.ts';
import type { SavedDType } from '../checkpoint/save.ts';
import { InputError } from '../errors.ts';
import { formatBytes } from '../format.ts';
import { architectureOf } from '../model/architecture.ts';
import {
  type ArchitectureName,
  architectureNames,
  type ConfigName,
  configNames,
  namedConfig,
} from '../model/config.ts';
import { isGguf } from '../platform/ggufPaths.ts';
import { folderFiles } from './folderFiles.ts';
import { byteProgress, interruptible } from './openModel.ts';
import { integer } from './options.ts';
import { writeJson } from './output.ts';

const examples = `
Examples:
  $ plusminus convert runs/demo packed-demo --to packed
  $ plusminus convert ridger/MMfreeLM-370M mmfree-370m --to packed
  $ plusminus convert runs/demo small-demo --to packed --embedding int8
  $ plusminus convert runs/demo demo.gguf --to gguf
  $ plusminus convert model.gguf packed-model --to packed
  $ plusminus convert --random 1.3B random-1.3b --seed 1
  $ plusminus convert --random 1.3B random-llama --architecture llama
  $ plusminus convert --random 2B4T random-bitnet`;

interface Flags {
  readonly to?: 'packed' | 'gguf' | SavedDType;
  readonly embedding?: 'int8' | SavedDType;
  readonly random?: ConfigName;
  readonly architecture?: ArchitectureName;
  readonly seed?: number;
  readonly vocabulary?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function convertCommand(): Command {
  return new Command('convert')
    .description('Convert between float and packed (2-bit) checkpoints, or create one with random weights.')
    .argument('<source>', 'model folder, GGUF file or Hub name; with --random, the folder to write')
    .argument('[target]', 'folder to write; with --to gguf, the file')
    .addOption(new Option('--to <type>', 'type to store').choices(['packed', 'f32', 'f16', 'bf16', 'gguf']))
    .addOption(
      new Option(
        '--embedding <type>',
        'type of the embedding, with --to packed (default: as stored) or --random (default: f16; 2B4T: int8)',
      ).choices(['int8', 'f32', 'f16', 'bf16']),
    )
    .addOption(
      new Option(
        '--random <size>',
        'create a model of this size with random weights, for measurements',
      ).choices(configNames),
    )
    .addOption(
      new Option(
        '--architecture <name>',
        'architecture of the random model (default: matmul-free; 2B4T: bitnet)',
      ).choices(architectureNames),
    )
    .option('--seed <n>', 'seed of the random weights (default: 1)', integer(0, 2 ** 32 - 1))
    .option(
      '--vocabulary <n>',
      'vocabulary size of the random model (default: 32000; 2B4T: 128256)',
      integer(1, 2 ** 24),
    )
    .option('-q, --quiet', 'no progress, no report')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((source: string, target: string | undefined, flags: Flags) => convert(source, target, flags));
}

async function convert(source: string, target: string | undefined, flags: Flags): Promise<void> {
  const folder = flags.random ? source : (target ?? '');
  checkArguments(target, flags);
  await interruptible(async (signal) => {
    let found: readonly string[] = [];
    if (flags.random) await invent(folder, flags.random, flags, signal);
    else found = await convertFolder(source, folder, flags, signal);
    await report(folder, found, flags);
  });
}

function checkArguments(
  target: string | undefined,
  { random, to, embedding, seed, vocabulary, architecture }: Flags,
): void {
  const surplus = random
    ? { target, '--to': to }
    : { '--seed': seed, '--vocabulary': vocabulary, '--architecture': architecture };
  for (const [name, value] of Object.entries(surplus)) {
    if (value === undefined) continue;
    const expected = random ? 'only the folder to write with --random' : 'it with --random only';
    throw new InputError(`${name}: found ${JSON.stringify(value)}, expected ${expected}`);
  }
  if (!random && target === undefined)
    throw new InputError('target: found none, expected the folder to write');
  if (to === 'gguf' && embedding !== undefined) {
    throw new InputError(
      `--embedding: found ${embedding} with --to gguf, which writes the embedding as stored`,
    );
  }
  if (!random && to === undefined) {
    throw new InputError('--to: found nothing, expected packed, f32, f16, bf16 or gguf');
  }
}

async function invent(folder: string, size: ConfigName, flags: Flags, signal: AbortSignal): Promise<void> {
  const { seed = 1, vocabulary, architecture } = flags;
  const config = namedConfig(size, { vocabSize: vocabulary, architecture });
  const embedding = flags.embedding ?? (size === '2B4T' ? 'int8' : 'f16');
  if (embedding !== 'f16' && embedding !== 'int8') {
    throw new InputError(`--embedding: found ${embedding} with --random, expected f16 or int8`);
  }
  await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed, embedding, signal });
}

async function convertFolder(
  source: string,
  target: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const progress = byteProgress(flags);
  const show = (label: string) => (bytes: { loaded: number; total: number }) =>
    progress.update(label, bytes.loaded, bytes.total);
  try {
    const folder = await findModelFolder(source, { onProgress: show('downloading'), signal });
    const onProgress = show('converting');
    if (flags.to === 'gguf') {
      await exportGguf(folder, target, { onProgress, signal });
      return [];
    }
    return await convertCheckpoint(folder, target, {
      ...{ to: flags.to!, embedding: flags.embedding, signal, onProgress },
    });
  } finally {
    progress.stop();
  }
}

async function report(folder: string, found: readonly string[], { json, quiet }: Flags): Promise<void> {
  const files = await folderFiles(folder);
  const isWeights = (name: string) => isWeightFile(name) || isGguf(name);
  const bytes = files.filter(({ name }) => isWeights(name)).reduce((sum, file) => sum + file.bytes, 0);
  if (json) await writeJson({ folder, weightBytes: bytes, files, found });
  else if (!quiet) {
    for (const line of [`${folder}: ${formatBytes(bytes)} of weights`, ...found]) console.error(line);
  }
}
