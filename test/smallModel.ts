/** A small model in a temporary folder: random packed weights and a tokenizer of 600 tokens. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { architectureOf } from '../src/model/architecture.ts';
import {
  type ArchitectureName,
  type MatMulFreeConfig,
  type ModelConfig,
  namedConfig,
} from '../src/model/config.ts';
import { saveTokenizer } from '../src/text/saveTokenizer.ts';
import { mobyDick } from '../src/text/testing.ts';
import { trainBpe } from '../src/text/trainBpe.ts';

/** Vocabulary 96, width 64, 2 layers, float weights, no tokenizer. */
export const golden = fileURLToPath(new URL('fixtures/golden/mmfree-tiny', import.meta.url));

const chatTemplate =
  '{% for m in messages %}<|user|>{{ m.role }}: {{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|user|>assistant: {% endif %}';

export const smallConfig: MatMulFreeConfig = {
  ...namedConfig('tiny', { vocabSize: 600 }),
  ...{ hiddenSize: 96, layers: 3, intermediateSize: 112, bosTokenId: 0, eosTokenId: 0 },
};

const sizes = { layers: 3, hiddenSize: 96, intermediateSize: 112, vocabSize: smallConfig.vocabSize };

/** The same sizes in another family. */
function smallConfigOf(architecture: ArchitectureName): ModelConfig {
  if (architecture === 'matmul-free') return smallConfig;
  return { ...namedConfig('tiny', { ...sizes, architecture }), bosTokenId: 0, eosTokenId: 0 };
}

export interface SmallModelOptions {
  /** Seed of the weights; the tokenizer is always the same. */
  readonly seed?: number;
  readonly architecture?: ArchitectureName;
  /** Context length of a model that attends. */
  readonly contextLength?: number;
  /** More JSON files, by name. */
  readonly files?: Readonly<Record<string, object>>;
}

export interface SmallModel {
  readonly folder: string;
  remove(): Promise<void>;
}

export async function makeSmallModel({
  seed = 1,
  architecture = 'matmul-free',
  contextLength,
  files: more = {},
}: SmallModelOptions = {}): Promise<SmallModel> {
  const parent = await mkdtemp(join(tmpdir(), 'plusminus-small-'));
  const folder = join(parent, 'model');
  const config = {
    ...smallConfigOf(architecture),
    ...(contextLength && { maxPositionEmbeddings: contextLength }),
  };
  await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed });
  const files = await trainBpe(mobyDick(2), {
    vocabularySize: smallConfig.vocabSize,
    specialTokens: ['<|user|>', '<|end|>'],
    chatTemplate,
  });
  await saveTokenizer(folder, files);
  for (const [name, content] of Object.entries(more))
    await writeFile(join(folder, name), JSON.stringify(content));
  return { folder, remove: () => rm(parent, { recursive: true, force: true }) };
}
