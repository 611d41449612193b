/** `plusminus inspect`: what a model is made of, and what it takes to run it, without running it. */
import { Command, Option } from 'commander';
import { storiesModel } from '../checkpoint/bundledModels.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { isTokenizerFile, isWeightFile } from '../checkpoint/modelFiles.ts';
import { findModelFolder } from '../checkpoint/modelSource.ts';
import { InputError } from '../errors.ts';
import { formatBytes, formatCount, formatTable } from '../format.ts';
import { architectureOf } from '../model/architecture.ts';
import {
  type ArchitectureName,
  architectureNames,
  attends,
  configNames,
  isConfigName,
  type ModelConfig,
  namedConfig,
} from '../model/config.ts';
import { Weights } from '../model/weights.ts';
import { type DType, elementCount } from '../program/tensor.ts';
import { type Audit, auditModel, auditTable } from '../run/audit.ts';
import { type MemoryNeeds, memoryNeeds } from '../run/memory.ts';
import { chosenModel } from './findModel.ts';
import { folderFiles } from './folderFiles.ts';
import { byteProgress, interruptible } from './openModel.ts';
import { write, writeJson } from './output.ts';

const examples = `
Examples:
  $ plusminus inspect runs/demo
  $ plusminus inspect 370M
  $ plusminus inspect 370M --architecture llama
  $ plusminus inspect ridger/MMfreeLM-1.3B --json`;

interface Flags {
  readonly architecture?: ArchitectureName;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show the size of a model, its memory, and the operations that one token takes.')
    .argument('[model]', `model folder, Hub name, or ${configNames.join(', ')} (default: plusminus/stories)`)
    .addOption(
      new Option('--architecture <name>', 'of a model named by its size (default: matmul-free)').choices(
        architectureNames,
      ),
    )
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((model: string | undefined, flags: Flags) => inspect(model, flags));
}

async function inspect(model: string | undefined, flags: Flags): Promise<void> {
  await interruptible(async (signal) => {
    const name = await chosenModel(model, storiesModel);
    const { architecture } = flags;
    if (architecture && !isConfigName(name)) {
      throw new InputError(`--architecture: found ${architecture}, but the files of ${name} say what it is`);
    }
    const found = isConfigName(name)
      ? { config: namedConfig(name, { architecture }), embedding: 'f16' as const, files: [] }
      : await openFolder(name, flags, signal);
    const report = describe(name, found);
    if (flags.json) await writeJson(report);
    else await write(`${formatReport(report).join('\n')}\n`);
  });
}

interface Found {
  readonly config: ModelConfig;
  readonly embedding: DType;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

async function openFolder(name: string, flags: Flags, signal: AbortSignal): Promise<Found> {
  const progress = byteProgress(flags);
  const folder = await findModelFolder(name, {
    onProgress: ({ loaded, total }) => progress.update('downloading', loaded, total),
    signal,
  }).finally(progress.stop);
  const checkpoint = await Checkpoint.open(folder);
  await checkpoint.close();
  const files = await folderFiles(folder);
  return { config: checkpoint.config, embedding: embeddingType(checkpoint), files };
}

function embeddingType({ tensors, config }: Checkpoint): DType {
  const table = architectureOf(config)
    .parameters()
    .find(({ role }) => role === 'embedding')!;
  const stored = tensors.get(table.name)?.dtype ?? 'F32';
  return ({ F16: 'f16', BF16: 'bf16', I8: 'i8' } as Partial<Record<string, DType>>)[stored] ?? 'f32';
}

interface Report {
  readonly model: string;
  readonly config: ModelConfig;
  /** Numbers of parameters. */
  readonly parameters: Record<
    'ternaryInBlocks' | 'ternaryHead' | 'dense' | 'embedding' | 'vectors' | 'total',
    number
  >;
  /** Bytes. */
  readonly files: Record<'weights' | 'tokenizer', number> | undefined;
  readonly memory: MemoryNeeds;
  readonly audit: Audit;
}

function describe(model: string, { config, embedding, files }: Found): Report {
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const count = (holds: (spec: (typeof specs)[number]) => boolean) =>
    specs.filter(holds).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const isHead = (name: string) => name.startsWith('lm_head.');
  const size = (holds: (name: string) => boolean) =>
    files.filter(({ name }) => holds(name)).reduce((sum, { bytes }) => sum + bytes, 0);
  const dtypes = specs
    .filter(({ role }) => role === 'embedding' || role === 'matrix')
    .map(({ name }) => [name, embedding] as const);
  const weights = new Weights(specs, 'inference', new Map(dtypes));
  return {
    model,
    config,
    parameters: {
      ternaryInBlocks: count(({ role, name }) => role === 'ternary' && !isHead(name)),
      ternaryHead: count(({ role, name }) => role === 'ternary' && isHead(name)),
      dense: count(({ role }) => role === 'matrix'),
      embedding: count(({ role }) => role === 'embedding'),
      vectors: count(({ role }) => role === 'vector'),
      total: count(() => true),
    },
    files: files.length > 0 ? { weights: size(isWeightFile), tokenizer: size(isTokenizerFile) } : undefined,
    memory: memoryNeeds({ architecture, weights }),
    audit: auditModel(config, embedding),
  };
}

function formatReport({ model, config, parameters, files, memory, audit }: Report): string[] {
  const { layers, hiddenSize, intermediateSize, vocabSize } = config;
  const section = (title: string, rows: readonly (readonly [string, string])[]) => [
    ...formatTable([title, ''], rows),
    '',
  ];
  return [
    `${model}: ${kindOf(config)}, ${formatCount(parameters.total)} parameters`,
    `${layers} layers, width ${hiddenSize}, GLU ${intermediateSize}, vocabulary ${vocabSize}${headsOf(config)}`,
    '',
    ...section('parameters', [
      ...(
        [
          ['ternary, in blocks', parameters.ternaryInBlocks],
          ['ternary, head', parameters.ternaryHead],
          ['dense matrices', parameters.dense],
          [tied(config) ? 'embedding and head' : 'embedding', parameters.embedding],
          ['norms, bounds, biases', parameters.vectors],
        ] as const
      )
        .filter(([, count]) => count > 0)
        .map(([name, count]) => [name, formatCount(count)] as const),
    ]),
    ...(files
      ? section('files', [
          ['weights', formatBytes(files.weights)],
          ['tokenizer', files.tokenizer ? formatBytes(files.tokenizer) : 'none'],
        ])
      : []),
    ...section('memory, to generate', [
      ['weights', formatBytes(memory.weights)],
      ['temporaries', formatBytes(memory.temporaries)],
      ...(memory.statePerToken > 0
        ? ([
            ['keys and values, a token', formatBytes(memory.statePerToken)],
            ['of the longest conversation', formatBytes(memory.statePerSequence)],
          ] as const)
        : ([['state of a conversation', formatBytes(memory.statePerSequence)]] as const)),
    ]),
    ...auditTable(audit),
  ];
}

function kindOf(config: ModelConfig): string {
  switch (config.modelType) {
    case 'hgrn_bit':
      return `MatMul-free language model (${config.variant} form)`;
    case 'rwkv_bit':
      return 'MatMul-free RWKV-4';
    case 'llama':
      return 'Transformer++ (Llama)';
    case 'bitnet':
      return 'BitNet b1.58';
  }
}

function headsOf(config: ModelConfig): string {
  if (!attends(config)) return '';
  return `, ${config.heads} heads of ${config.headSize} over ${config.keyHeads} of keys and values`;
}

function tied(config: ModelConfig): boolean {
  return attends(config) && config.tieWordEmbeddings;
}
