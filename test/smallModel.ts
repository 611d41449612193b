/** A small model in a temporary folder: random packed weights and a tokenizer of 600 tokens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { type MatMulFreeConfig, namedConfig } from '../src/model/config.ts';
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

export interface SmallModel {
  readonly folder: string;
  remove(): Promise<void>;
}

/** @param seed of the weights; the tokenizer is always the same */
export async function makeSmallModel({ seed = 1 } = {}): Promise<SmallModel> {
  const parent = await mkdtemp(join(tmpdir(), 'plusminus-small-'));
  const folder = join(parent, 'model');
  await randomCheckpoint(folder, smallConfig, architectureOf(smallConfig).parameters(), { seed });
  const files = await trainBpe(mobyDick(2), {
    vocabularySize: smallConfig.vocabSize,
    specialTokens: ['<|user|>', '<|end|>'],
    chatTemplate,
  });
  await saveTokenizer(folder, files);
  return { folder, remove: () => rm(parent, { recursive: true, force: true }) };
}
