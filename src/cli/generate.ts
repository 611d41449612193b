/** `plusminus generate`: continues a text. */
import { Command } from 'commander';
import { InputError } from '../errors.ts';
import type { Finish } from '../generate/generate.ts';
import type { LanguageModel } from '../languageModel.ts';
import { readInputFile } from './inputFile.ts';
import { withModel } from './openModel.ts';
import {
  addModelOptions,
  addSamplingOptions,
  type ModelOptions,
  type SamplingFlags,
  samplingOf,
  tokenList,
} from './options.ts';
import { write, writeJson, writeText } from './output.ts';
import { readPrompt } from './prompt.ts';

const examples = `
Examples:
  $ plusminus generate "Once upon a time" --max-tokens 64
  $ echo "Once upon a time" | plusminus generate --model runs/demo --temperature 0.7 --seed 7
  $ plusminus generate "A person as JSON: " --json-schema person.json
  $ plusminus generate --model ridger/MMfreeLM-370M "The whale" --stop "." --json`;

interface Flags extends ModelOptions, SamplingFlags {
  readonly tokens?: readonly number[];
  readonly allowSpecial?: true;
  readonly jsonSchema?: string;
}

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('Continue a text: the prompt, or stdin.')
    .argument('[prompt...]', 'the text to continue');
  addSamplingOptions(addModelOptions(command));
  return command
    .option('--tokens <ids>', 'the prompt as token ids; a model without tokenizer prints ids', tokenList)
    .option('--allow-special', 'read special tokens in the prompt, such as </s>, as tokens instead of text')
    .option('--json-schema <file>', 'file with a JSON schema that the text must meet')
    .addHelpText('after', examples)
    .action((words: string[], flags: Flags) => generateText(words, flags));
}

async function generateText(words: readonly string[], flags: Flags): Promise<void> {
  if (flags.tokens && words.length > 0) {
    throw new InputError(
      `--tokens: found the prompt ${JSON.stringify(words.join(' '))} too, expected one of them`,
    );
  }
  await withModel(flags, async (model, signal, source) => {
    const prompt = flags.tokens ?? (await readPrompt(words, signal));
    const sampling = samplingOf(flags);
    const special = { allowSpecial: flags.allowSpecial === true };
    const responseFormat =
      flags.jsonSchema === undefined
        ? undefined
        : { type: 'json' as const, schema: await schemaIn(flags.jsonSchema) };
    const result = await run(
      model,
      prompt,
      { ...sampling, ...special, responseFormat, signal },
      flags.json ? undefined : writeText,
    );
    if (flags.json) {
      await writeJson({ model: source, prompt, ...result, seed: sampling.seed });
      return;
    }
    await write('\n');
    if (!flags.quiet) console.error(statistics(result, sampling));
  });
}

async function schemaIn(file: string): Promise<object> {
  const text = (await readInputFile('--json-schema', file)).toString();
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw new InputError(`--json-schema: ${file} is not JSON: ${(error as Error).message}`);
  }
}

interface Result {
  readonly text: string;
  /** Generated ids. */
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  readonly reason: Finish['reason'];
  /** Seconds until the first token, and from it to the last. */
  readonly promptSeconds: number;
  readonly seconds: number;
  /** Tokens after the first, per second. */
  readonly tokensPerSecond: number;
}

async function run(
  model: LanguageModel,
  prompt: string | readonly number[],
  options: Parameters<LanguageModel['generate']>[1],
  show: ((text: string) => Promise<void>) | undefined,
): Promise<Result> {
  const began = performance.now();
  const times: number[] = [];
  const tokens: number[] = [];
  let finish: Finish | undefined;
  let text = '';
  const onToken = (id: number) => {
    times.push(performance.now());
    tokens.push(id);
    // Without a tokenizer, ids are printed.
    if (!model.tokenizer) void show?.(`${tokens.length > 1 ? ' ' : ''}${id}`);
  };
  const onFinish = (found: Finish) => {
    finish = found;
  };
  for await (const piece of model.generate(prompt, { ...options, onToken, onFinish })) {
    text += piece;
    await show?.(piece);
  }
  const [first = began, last = first] = [times[0], times.at(-1)];
  const seconds = (last - first) / 1000;
  const tokensPerSecond = seconds > 0 ? (times.length - 1) / seconds : 0;
  const { reason, promptTokens } = finish!;
  return {
    text,
    tokens,
    promptTokens,
    reason,
    promptSeconds: (first - began) / 1000,
    seconds,
    tokensPerSecond,
  };
}

const reasons = {
  stop: 'a stop text or its complete form',
  length: '--max-tokens',
  eos: 'end of text',
  abort: 'interrupted',
};

function statistics(result: Result, { maxTokens, seed }: { maxTokens: number; seed: number }): string {
  const { tokens, tokensPerSecond, promptTokens, promptSeconds } = result;
  const reason =
    result.reason === 'length' && tokens.length < maxTokens ? 'the context length' : reasons[result.reason];
  const rate = tokensPerSecond > 0 ? `, ${tokensPerSecond.toFixed(1)} tokens/s` : '';
  return `[${tokens.length} tokens${rate}; prompt: ${promptTokens} tokens in ${promptSeconds.toFixed(2)} s; ended by ${reason}; seed ${seed}]`;
}
