/** `plusminus chat`: talk with a model in the terminal. */
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { chatModel } from '../checkpoint/boxedModels.ts';
import { InputError } from '../errors.ts';
import { Conversation } from '../generate/conversation.ts';
import type { Finish } from '../generate/generate.ts';
import type { LanguageModel } from '../languageModel.ts';
import { withModel } from './openModel.ts';
import {
  addModelOptions,
  addSamplingOptions,
  type ModelOptions,
  type SamplingFlags,
  samplingOf,
} from './options.ts';
import { write, writeJson, writeText } from './output.ts';

const examples = `
Examples:
  $ plusminus chat
  $ plusminus chat --model runs/demo
  $ echo "Who are you?" | plusminus chat --json

In the chat: /new begins anew, /quit or Ctrl-D ends, Ctrl-C stops an answer.`;

interface Flags extends ModelOptions, SamplingFlags {
  readonly system?: string;
}

export function chatCommand(): Command {
  const command = new Command('chat').description('Talk with a model; each line of stdin is a message.');
  return addSamplingOptions(addModelOptions(command, chatModel))
    .option('--system <text>', 'what the model is told before the first message')
    .addHelpText('after', examples)
    .action((flags: Flags) => chat(flags));
}

async function chat(flags: Flags): Promise<void> {
  await withModel(
    flags,
    async (model, signal, source) => {
      const { tokenizer } = model;
      if (!tokenizer) throw new InputError(`${source}: found no tokenizer.json, which chat needs`);
      const begin = () => new Conversation(() => model.session(), tokenizer, flags.system);
      if (!flags.quiet && !flags.json) greet(model, source);
      await talk(begin, flags, signal);
    },
    chatModel,
  );
}

function greet({ engine, tokenizer }: LanguageModel, source: string): void {
  console.error(`${source} on ${engine}. /new begins anew, /quit ends.`);
  if (tokenizer?.chatTemplate === undefined) {
    console.error('This model has no chat template: it sees "User: …" and "Assistant:" as plain text.');
  }
}

async function talk(begin: () => Conversation, flags: Flags, signal: AbortSignal): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
  const interactive = process.stdin.isTTY === true;
  let answering: AbortController | undefined;
  // A terminal in raw mode gives Ctrl-C to readline, not to the process.
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()));
  signal.addEventListener('abort', () => lines.close());
  let conversation = begin();
  if (interactive) lines.prompt();
  for await (const line of lines) {
    if (signal.aborted || line.trim() === '/quit') break;
    if (line.trim() === '/new') conversation = begin();
    else if (line.trim() !== '') {
      answering = new AbortController();
      await answer(conversation, line, flags, AbortSignal.any([signal, answering.signal]));
      answering = undefined;
    }
    if (interactive) lines.prompt();
  }
  lines.close();
}

async function answer(chat: Conversation, message: string, flags: Flags, signal: AbortSignal): Promise<void> {
  let finish: Finish | undefined;
  const onFinish = (found: Finish) => {
    finish = found;
  };
  let content = '';
  for await (const piece of chat.reply(message, { ...samplingOf(flags), signal, onFinish })) {
    content += piece;
    if (!flags.json) await writeText(piece);
  }
  const { tokens, reason } = finish!;
  if (flags.json) await writeJson({ role: 'assistant', content, tokens, reason });
  else await write('\n');
}
