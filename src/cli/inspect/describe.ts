/** Sizes, memory and operations of a model, computed without running it. */

import { isTokenizerFile, isWeightFile } from '../../checkpoint/modelFiles.ts';
import { formatBytes, formatCount, formatTable } from '../../format.ts';
import { architectureOf } from '../../model/architecture.ts';
import { attends, type DecoderConfig, type ModelConfig } from '../../model/config.ts';
import type { Grouped } from '../../model/parameters.ts';
import { isGguf } from '../../platform/ggufPaths.ts';
import { elementCount } from '../../program/tensor.ts';
import { type Audit, auditModel, auditTable } from '../../run/audit.ts';
import { type MemoryNeeds, memoryNeeds } from '../../run/memory.ts';
import { type Found, weightsOf } from './found.ts';

export interface Report {
  readonly model: string;
  readonly config: ModelConfig;
  /** Numbers of parameters. */
  readonly parameters: Record<
    'ternaryInBlocks' | 'ternaryHead' | 'grouped' | 'dense' | 'embedding' | 'vectors' | 'total',
    number
  >;
  /** Bytes. */
  readonly files: Record<'weights' | 'tokenizer', number> | undefined;
  /** What matrices of codes with scales for groups hold, such as "ternary, groups of 128". */
  readonly codes: readonly string[];
  readonly memory: MemoryNeeds;
  readonly audit: Audit;
}

export function describe(model: string, found: Found): Report {
  const { config, stored, files } = found;
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const count = (holds: (spec: (typeof specs)[number]) => boolean) =>
    specs.filter(holds).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const isHead = (name: string) => name.startsWith('lm_head.');
  const size = (holds: (name: string) => boolean) =>
    files.filter(({ name }) => holds(name)).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    model,
    config,
    parameters: {
      ternaryInBlocks: count(({ role, name }) => role === 'ternary' && !isHead(name)),
      ternaryHead: count(({ role, name }) => role === 'ternary' && isHead(name)),
      grouped: count(({ role, name }) => role === 'matrix' && groupedForm(stored, name) !== undefined),
      dense: count(({ role, name }) => role === 'matrix' && !groupedForm(stored, name)),
      embedding: count(({ role }) => role === 'embedding'),
      vectors: count(({ role }) => role === 'vector'),
      total: count(() => true),
    },
    files:
      files.length > 0
        ? { weights: size((name) => isWeightFile(name) || isGguf(name)), tokenizer: size(isTokenizerFile) }
        : undefined,
    codes: kindsOf(stored),
    memory: memoryNeeds({ architecture, weights: weightsOf(found) }),
    audit: auditModel(config, stored),
  };
}

export function formatReport(report: Report): string[] {
  const { model, config, parameters, files, codes, memory, audit } = report;
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
          [`matrices of codes (${codes.join('; ')})`, parameters.grouped],
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

/** The form of a parameter that is stored as codes with scales for groups. */
function groupedForm(stored: Found['stored'], name: string): Grouped | undefined {
  const form = typeof stored === 'string' ? undefined : stored.get(name);
  return typeof form === 'object' ? form : undefined;
}

function kindsOf(stored: Found['stored']): string[] {
  const forms = typeof stored === 'string' ? [] : [...stored.keys()].map((name) => groupedForm(stored, name));
  const kinds = forms.flatMap((form) =>
    form && (form.codes === 'ternary' || form.codes === 'binary')
      ? [`${form.codes}, groups of ${form.group}`]
      : [],
  );
  return [...new Set(kinds)];
}

function kindOf(config: ModelConfig): string {
  switch (config.modelType) {
    case 'hgrn_bit':
      return `MatMul-free language model (${config.variant} form)${floats(config.weights === 'float')}`;
    case 'rwkv_bit':
      return `MatMul-free RWKV-4${floats(config.weights === 'float')}`;
    case 'llama':
      return `${config.projections.kind === 'ternary' ? 'ternary Llama' : 'Transformer++ (Llama)'}${scores(config)}`;
    case 'bitnet':
      return `BitNet b1.58${floats(config.projections.kind === 'float')}${scores(config)}`;
    case 'qwen3':
      return `${config.projections.kind === 'ternary' ? 'ternary Qwen 3' : 'Qwen 3'}${scores(config)}`;
  }
}

function floats(has: boolean): string {
  return has ? ' with float weights' : '';
}

function scores(config: DecoderConfig): string {
  return config.scores === 'ternary' ? ', ternary queries and keys' : '';
}

function headsOf(config: ModelConfig): string {
  if (!attends(config)) return '';
  return `, ${config.heads} heads of ${config.headSize} over ${config.keyHeads} of keys and values`;
}

function tied(config: ModelConfig): boolean {
  return attends(config) && config.tieWordEmbeddings;
}
