/** `plusminus chat`: chat with a model in the terminal. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { chatModel } from '../checkpoint/bundledModels.ts';
import { InputError } from '../errors.ts';
import { Conversation } from '../generate/conversation.ts';
import type { Finish, GenerateOptions } from '../generate/generate.ts';
import type { LanguageModel } from '../languageModel.ts';
import { type Chat, commandHelp, loadChat, obey, saveChat } from './chatCommands.ts';
import { openChatLines } from './chatLines.ts';
import { lineOf } from './failure.ts';
import { withModel } from './openModel.ts';
import {
  addModelOptions,
  addSamplingOptions,
  type ModelOptions,
  type SamplingFlags,
  samplingOf,
} from './options.ts';
import { write, writeJson, writeText } from './output.ts';
import { checkOutputFiles } from './outputFile.ts';
import { WordWrap } from './wrap.ts';

const examples = `
Examples:
  $ plusminus chat
  $ plusminus chat --model runs/demo
  $ plusminus chat --session monday.chat
  $ echo "Who are you?" | plusminus chat --json

In the chat:
${commandHelp}`;

interface Flags extends ModelOptions, SamplingFlags {
  readonly system?: string;
  readonly session?: string;
}

export function chatCommand(): Command {
  const command = new Command('chat').description('Talk with a model; each line of stdin is a message.');
  return addSamplingOptions(addModelOptions(command, chatModel))
    .option('--system <text>', 'system message, before the first message')
    .option('--session <file>', 'continue the conversation in this file, and save it there after each answer')
    .addHelpText('after', examples)
    .action((flags: Flags) => chat(flags));
}

async function chat(flags: Flags): Promise<void> {
  await checkOutputFiles({ '--session': flags.session });
  await withModel(
    flags,
    async (model, signal, source) => {
      const { tokenizer } = model;
      if (!tokenizer) throw new InputError(`${source}: found no tokenizer.json, which chat needs`);
      const begin = () => new Conversation(() => model.session(), tokenizer, flags.system);
      const chat: Chat = { conversation: begin(), model, begin };
      if (!flags.quiet && !flags.json) greet(model, source);
      if (flags.session !== undefined && existsSync(flags.session)) {
        const told = await loadChat(chat, flags.session);
        if (!flags.quiet && !flags.json) console.error(told);
      }
      await talk(chat, flags, signal);
    },
    chatModel,
  );
}

function greet({ engine, tokenizer }: LanguageModel, source: string): void {
  console.error(`${source} on ${engine}. /help lists what you can type.`);
  if (tokenizer?.chatTemplate === undefined) {
    console.error('This model has no chat template: it sees "User: …" and "Assistant:" as plain text.');
  }
}

async function talk(chat: Chat, flags: Flags, signal: AbortSignal): Promise<void> {
  const input = openChatLines(process.stdin, process.stderr);
  const lines = input.readline;
  const interactive = process.stdin.isTTY === true;
  let answering: AbortController | undefined;
  let warned = false;
  // In raw mode, a terminal sends Ctrl-C to readline, not to the process.
  lines.on('SIGINT', () => {
    if (answering) answering.abort();
    else if (lines.line !== '')
      lines.write(null, { ctrl: true, name: 'u' }); // clears the line
    else if (warned) lines.close();
    else {
      // Perhaps meant for an answer that has just ended.
      warned = true;
      console.error('\nCtrl-C again, or /quit, ends the chat.');
      input.prompt();
    }
  });
  signal.addEventListener('abort', () => lines.close());
  if (interactive) input.prompt();
  for await (const line of input.messages()) {
    if (signal.aborted) break;
    warned = false;
    const more = line.trim() === '/more' && chat.conversation.canContinue;
    if (line.startsWith('/') && !more) {
      if (!(await obeyed(line, chat, flags))) break;
    } else if (line.trim() !== '') {
      answering = new AbortController();
      if (interactive) input.hide();
      const either = AbortSignal.any([signal, answering.signal]);
      await answer(
        (options) => (more ? chat.conversation.continue(options) : chat.conversation.reply(line, options)),
        flags,
        either,
      )
        .finally(() => {
          answering = undefined;
        })
        .then(() => saved(chat, flags))
        .catch((error: unknown) => {
          // For example a message longer than the context, or a full disk. In a terminal, the next one may be shorter.
          const said = lineOf(error);
          if (!interactive || said === undefined) throw error;
          console.error(said);
        });
    }
    if (interactive) input.prompt();
  }
  lines.close();
}

async function saved(chat: Chat, { session }: Flags): Promise<void> {
  if (session !== undefined) await saveChat(chat, session);
}

/** Returns whether the chat continues. A command that fails prints its error and does not end the chat. */
async function obeyed(line: string, chat: Chat, { json }: Flags): Promise<boolean> {
  try {
    const told = await obey(line, chat);
    if (told !== undefined && !json) console.error(told);
    return told !== undefined;
  } catch (error) {
    const said = lineOf(error);
    if (said === undefined) throw error;
    console.error(said);
    return true;
  }
}

async function answer(
  reply: (options: GenerateOptions) => AsyncIterable<string>,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  let finish: Finish | undefined;
  const onFinish = (found: Finish) => {
    finish = found;
  };
  let content = '';
  const wrap = process.stdout.isTTY ? new WordWrap(() => process.stdout.columns) : undefined;
  for await (const piece of reply({ ...samplingOf(flags), signal, onFinish })) {
    content += piece;
    if (!flags.json) await writeText(wrap?.add(piece) ?? piece);
  }
  if (!flags.json && wrap) await writeText(wrap.end());
  const { tokens, reason } = finish!;
  if (flags.json) await writeJson({ role: 'assistant', content, tokens, reason });
  else await write('\n');
  if (process.stdout.isTTY && reason === 'length') {
    console.error(`(The answer ends at the limit of ${tokens} tokens; /more continues it.)`);
  }
}
