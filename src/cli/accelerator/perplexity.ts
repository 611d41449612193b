/** `plusminus accelerator perplexity`: compares integer and float32 perplexity on the same text. */

import fs from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { formats } from '../../accelerator/compile/formats.ts';
import { compileModel } from '../../accelerator/compile/model.ts';
import { defaultSizes } from '../../accelerator/parameters.ts';
import { runTokens, surprise } from '../../accelerator/score.ts';
import { storiesModel } from '../../checkpoint/bundledModels.ts';
import { findModelFolder } from '../../checkpoint/modelSource.ts';
import { InputError } from '../../errors.ts';
import { scoreTokens } from '../../evaluate/logLikelihood.ts';
import { formatTable, markdownTable } from '../../format.ts';
import { LanguageModel } from '../../languageModel.ts';
import { readText } from '../../text/textFile.ts';
import { chosenModel } from '../findModel.ts';
import { interruptible } from '../openModel.ts';
import { integer } from '../options.ts';
import { write, writeJson } from '../output.ts';
import { checkOutputFiles } from '../outputFile.ts';
import { startProgress } from '../progress.ts';

interface Flags {
  readonly model?: string;
  readonly data: string;
  readonly tokens: number;
  readonly threads?: number;
  readonly out?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Tokens that the float engine reads between two checks of the signal. */
const floatChunk = 512;

const examples = `
Example:
  $ plusminus accelerator perplexity --data held-out.txt --tokens 10000`;

export function perplexityCommand(): Command {
  return new Command('perplexity')
    .description('Compare the perplexity of a text on the accelerator with that on the CPU in floats.')
    .option(
      '-m, --model <folder|id>',
      'model folder or Hub name (default: the bundled model, or the newest run in ./runs)',
    )
    .requiredOption('--data <file>', 'text that the model was not trained on')
    .option('--tokens <n>', 'number of tokens to predict', integer(1), 10_000)
    .option('--threads <n>', 'worker threads of the CPU engine', integer(0, 256))
    .option('-o, --out <name>', 'also write <name>.md and <name>.json')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
}

interface Comparison {
  /** Predicted tokens. */
  readonly tokens: number;
  /** Perplexities. */
  readonly float: number;
  readonly accelerator: number;
  /** accelerator / float − 1 */
  readonly difference: number;
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  await checkOutputFiles({ '--out': flags.out && `${flags.out}.md` });
  const folder = await findModelFolder(await chosenModel(flags.model, storiesModel), { signal });
  const model = await LanguageModel.load(folder, { threads: flags.threads, signal });
  try {
    const ids = await firstTokens(model, flags);
    const tokens = ids.length - 1;
    const float = Math.exp((await floatSurprise(model, ids, flags, signal)) / tokens);
    const accelerator = Math.exp((await integerSurprise(folder, ids, flags, signal)) / tokens);
    const compared = { tokens, float, accelerator, difference: accelerator / float - 1 };
    if (flags.out !== undefined) {
      const { hiddenSize, layers, vocabSize } = model.config;
      const facts = { model: basename(folder), hiddenSize, layers, vocabSize, text: basename(flags.data) };
      await fs.writeFile(
        `${flags.out}.json`,
        `${JSON.stringify({ ...facts, ...compared, formats }, null, 2)}\n`,
      );
      await fs.writeFile(`${flags.out}.md`, page(facts, compared));
    }
    if (flags.json) await writeJson(compared);
    else await write(`${formatTable([`perplexity of ${tokens} tokens`, ''], rowsOf(compared)).join('\n')}\n`);
  } finally {
    await model.dispose();
  }
}

function rowsOf({ float, accelerator, difference }: Comparison): string[][] {
  return [
    ['CPU, float32', float.toFixed(4)],
    ['accelerator, integers', accelerator.toFixed(4)],
    ['difference', `${(100 * difference).toFixed(4)} %`],
  ];
}

function page(
  facts: { model: string; hiddenSize: number; layers: number; vocabSize: number; text: string },
  compared: Comparison,
): string {
  const { model, hiddenSize, layers, vocabSize, text } = facts;
  return `# Perplexity on the accelerator

Written by \`plusminus accelerator perplexity --out …\`: the first ${compared.tokens} tokens of \`${text}\` as one
sequence, predicted by ${model} (width ${hiddenSize}, ${layers} layers, vocabulary ${vocabSize}), once by the CPU engine in float32 and once
by the compiled program on the simulator, in integers only.

${markdownTable([`perplexity of ${compared.tokens} tokens`, ''], rowsOf(compared)).join('\n')}

Elements are 32-bit integers; weights of products have 2 bits, their activations 8, their sums are exact. How many of
the 32 bits are fraction:

${markdownTable(
  ['value', 'fraction bits'],
  formats.map(({ value, fraction }) => [value, String(fraction)]),
).join('\n')}
`;
}

async function firstTokens({ tokenizer }: LanguageModel, { data, tokens }: Flags): Promise<number[]> {
  if (!tokenizer) throw new InputError('the model has no tokenizer, so it cannot read a text');
  // A token rarely has more than 16 characters; text beyond that need not be tokenised.
  const maxCharacters = 16 * (tokens + 1);
  let text = '';
  for await (const piece of readText(data)) {
    text += piece;
    if (text.length >= maxCharacters) break;
  }
  const ids = tokenizer.encode(text.slice(0, maxCharacters)).slice(0, tokens + 1);
  if (ids.length > 1) return ids;
  throw new InputError(`${data}: found ${ids.length} tokens, expected at least 2`);
}

/** Σ −log p in nats of all tokens but the first; the text is one sequence. */
async function floatSurprise(
  model: LanguageModel,
  ids: readonly number[],
  flags: Flags,
  signal: AbortSignal,
): Promise<number> {
  const progress = progressOf(flags, 'in float32', ids.length - 1);
  const session = model.session();
  let sum = 0;
  try {
    await session.append(ids.slice(0, 1), { signal });
    for (let start = 1; start < ids.length; start += floatChunk) {
      const part = ids.slice(start, start + floatChunk);
      const scores = await scoreTokens(session, part, model.config.vocabSize, { signal });
      for (const { logProbability } of scores) sum -= logProbability;
      const done = start - 1 + part.length;
      progress?.update(done, `perplexity ${Math.exp(sum / done).toFixed(2)}`);
    }
  } finally {
    progress?.stop();
  }
  return sum;
}

async function integerSurprise(
  folder: string,
  tokens: readonly number[],
  flags: Flags,
  signal: AbortSignal,
): Promise<number> {
  const compiled = await compileModel(folder, { sizes: defaultSizes, signal });
  const inputs = tokens.slice(0, -1);
  const progress = progressOf(flags, 'simulating', inputs.length);
  let sum = 0;
  const use = (logits: Float32Array, index: number) => {
    sum += surprise(logits, tokens[index + 1]!);
  };
  const onProgress = (done: number) =>
    progress?.update(done, `perplexity ${Math.exp(sum / done).toFixed(2)}`);
  await runTokens(compiled, inputs, use, { sizes: defaultSizes, signal, onProgress }).finally(() =>
    progress?.stop(),
  );
  return sum;
}

function progressOf({ quiet, json }: Flags, label: string, total: number) {
  return quiet || json ? undefined : startProgress({ label, total });
}
