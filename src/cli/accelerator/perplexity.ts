/** `plusminus accelerator perplexity`: what integers cost, against the float engine on the same text. */
import { Command } from 'commander';
import { compileModel } from '../../accelerator/compile/model.ts';
import { defaultSizes } from '../../accelerator/parameters.ts';
import { runTokens, surprise } from '../../accelerator/score.ts';
import { storiesModel } from '../../checkpoint/boxedModels.ts';
import { findModelFolder } from '../../checkpoint/modelSource.ts';
import { InputError } from '../../errors.ts';
import { formatTable } from '../../format.ts';
import { LanguageModel } from '../../languageModel.ts';
import { readText } from '../../text/textFile.ts';
import { chosenModel } from '../findModel.ts';
import { interruptible } from '../openModel.ts';
import { integer } from '../options.ts';
import { write, writeJson } from '../output.ts';
import { startProgress } from '../progress.ts';

interface Flags {
  readonly model?: string;
  readonly data: string;
  readonly tokens: number;
  readonly threads?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const examples = `
Example:
  $ plusminus accelerator perplexity --model runs/demo --data held-out.txt --tokens 10000`;

export function perplexityCommand(): Command {
  return new Command('perplexity')
    .description('Compare the perplexity of a text on the accelerator with that on the CPU in floats.')
    .option(
      '-m, --model <folder|id>',
      'model folder or Hub name (default: the one that came along, or the newest under ./runs)',
    )
    .requiredOption('--data <file>', 'text that the model was not trained on')
    .option('--tokens <n>', 'tokens to foretell', integer(1), 10_000)
    .option('--threads <n>', 'worker threads of the CPU engine', integer(0, 256))
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  const folder = await findModelFolder(await chosenModel(flags.model, storiesModel), { signal });
  const model = await LanguageModel.load(folder, { threads: flags.threads, signal });
  try {
    const tokens = await firstTokens(model, flags);
    const floats = await floatSurprise(model, tokens, signal);
    const integers = await integerSurprise(folder, tokens, flags, signal);
    const count = tokens.length - 1;
    const [float, accelerator] = [Math.exp(floats / count), Math.exp(integers / count)];
    const difference = accelerator / float - 1;
    if (flags.json) await writeJson({ tokens: count, float, accelerator, difference });
    else {
      const rows = [
        ['CPU, float32', float.toFixed(4)],
        ['accelerator, integers', accelerator.toFixed(4)],
        ['difference', `${(100 * difference).toFixed(3)} %`],
      ];
      await write(`${formatTable([`perplexity of ${count} tokens`, ''], rows).join('\n')}\n`);
    }
  } finally {
    await model.dispose();
  }
}

async function firstTokens({ tokenizer }: LanguageModel, { data, tokens }: Flags): Promise<number[]> {
  if (!tokenizer) throw new InputError('the model has no tokenizer, so it cannot read a text');
  // A token has seldom more than 16 characters; what is beyond need not be tokenised.
  const most = 16 * (tokens + 1);
  let text = '';
  for await (const piece of readText(data)) {
    text += piece;
    if (text.length >= most) break;
  }
  const ids = tokenizer.encode(text.slice(0, most)).slice(0, tokens + 1);
  if (ids.length > 1) return ids;
  throw new InputError(`${data}: found ${ids.length} tokens, expected at least 2`);
}

/** Σ −log p in nats; the text is one sequence. */
async function floatSurprise(
  model: LanguageModel,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const { vocabSize } = model.config;
  const { logits } = await model.forward(tokens.slice(0, -1), { signal });
  let sum = 0;
  for (let t = 0; t + 1 < tokens.length; t++) {
    sum += surprise(logits.subarray(t * vocabSize, (t + 1) * vocabSize), tokens[t + 1]!);
  }
  return sum;
}

async function integerSurprise(
  folder: string,
  tokens: readonly number[],
  { quiet, json }: Flags,
  signal: AbortSignal,
): Promise<number> {
  const compiled = await compileModel(folder, { sizes: defaultSizes, signal });
  const inputs = tokens.slice(0, -1);
  const progress = quiet || json ? undefined : startProgress({ label: 'simulating', total: inputs.length });
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
