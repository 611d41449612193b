/** Commands in a chat. */
import { readFile } from 'node:fs/promises';
import { InputError } from '../errors.ts';
import { formatBytes } from '../format.ts';
import type { Conversation } from '../generate/conversation.ts';
import type { LanguageModel } from '../languageModel.ts';
import { systemReason } from '../systemErrors.ts';
import { replaceFile } from '../text/replaceFile.ts';

export const commandHelp = `
  /help         this list
  /more         continue an answer that ended at the limit or was stopped
  /new          start a new conversation
  /save FILE    save the conversation with the model's state, to continue it another day
  /load FILE    continue it
  /state        how much was said, and how many bytes the model remembers of it
  /quit         end (or Ctrl-D)
  Ctrl-C        stop the answer; up and down arrows: earlier messages
`.slice(1, -1);

export interface Chat {
  conversation: Conversation;
  readonly model: LanguageModel;
  readonly begin: () => Conversation;
}

/**
 * Executes a line that begins with a slash.
 * @returns text to print, or undefined to end the chat
 * @throws InputError for an unknown command, or a file that does not fit
 */
export async function obey(line: string, chat: Chat): Promise<string | undefined> {
  const [name, ...rest] = line.trim().split(/\s+/);
  const file = rest.join(' ');
  switch (name) {
    case '/quit':
      return undefined;
    case '/help':
      return commandHelp;
    case '/more':
      throw new InputError('/more: the last answer is complete, expected one that was cut off');
    case '/new':
      chat.conversation = chat.begin();
      return 'A new conversation.';
    case '/save':
      return saveChat(chat, named(file, name));
    case '/load':
      return loadChat(chat, named(file, name));
    case '/state': {
      const { tokens } = chat.conversation;
      const bytes = formatBytes(chat.model.memory.statePerSequence);
      return `${tokens} tokens; the state takes ${bytes}, whatever the number of tokens.`;
    }
    default:
      throw new InputError(
        `${name}: no such command; /help lists them, and a message may begin with a space`,
      );
  }
}

export async function saveChat({ conversation }: Chat, file: string): Promise<string> {
  const saved = conversation.save();
  await replaceFile(file, saved);
  return `Saved to ${file} (${formatBytes(saved.length)}).`;
}

export async function loadChat({ conversation, model }: Chat, file: string): Promise<string> {
  const saved = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InputError(`${file}: cannot be read: ${systemReason(cause)}`, { cause });
  });
  try {
    conversation.resume(saved, (session) => model.restore(session));
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${file}: ${error.message}`, { cause: error }) : error;
  }
  const count = conversation.messages.filter(({ role }) => role !== 'system').length;
  return `Continuing after ${count} messages.`;
}

function named(file: string, command: string): string {
  if (file !== '') return file;
  throw new InputError(`${command}: found no file name, expected one after it`);
}
