/**
 * Reads documents of a corpus: text files (`.txt`, divided by lines `<|endoftext|>`) and JSON lines (`.jsonl`), each
 * also compressed (`.zst`, `.gz`). Files are streamed; memory holds one document.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { readLines, safeCut } from './lines.ts';
import { readText, unpackedName } from './textFile.ts';
import { describe, isObject } from './tokenizerJson.ts';

/** A message of a chat. */
export interface ChatMessage {
  /** usually system, user or assistant; chat templates may know others, or refuse some */
  role: string;
  content: string;
  /** Functions that the assistant called. */
  tool_calls?: readonly MessageToolCall[];
  /** Of a message of the role `tool`: the call that it answers. */
  tool_call_id?: string;
}

export interface MessageToolCall {
  readonly id?: string;
  readonly type: 'function';
  /** Arguments are an object, as chat templates expect, or a text of JSON. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface CorpusOptions {
  /** The field of a JSON line that holds the text, default `text`. */
  field?: string;
  /** The line that divides documents of a text file, default `<|endoftext|>`. */
  separator?: string;
  /** Max characters of a document; longer ones are split without loss, if possible at an empty line. Default 2^20. */
  maxCharacters?: number;
  /** Renders a JSON line that has `messages`. Default: one line `role: content` per message. */
  renderMessages?: (messages: ChatMessage[]) => string;
  signal?: AbortSignal;
}

const FORMATS = '.txt or .jsonl, or one of them with .zst or .gz';
/** Max characters of a JSON line, which is held in memory as a whole. */
const LONGEST_JSON_LINE = 2 ** 26;

/**
 * Yields the documents of files and folders, none empty; a folder's files come in the order of their names.
 * @throws {InputError} with file and line, if something is missing or malformed, or there is no document at all
 */
export async function* readDocuments(
  paths: string | readonly string[],
  options: CorpusOptions = {},
): AsyncGenerator<string> {
  const { maxCharacters = 2 ** 20 } = options;
  if (!Number.isInteger(maxCharacters) || maxCharacters < 2) {
    throw new InputError(`maxCharacters: found ${maxCharacters}, expected an integer of 2 or more`);
  }
  const files = await listFiles(typeof paths === 'string' ? [paths] : paths);
  let found = false;
  for (const file of files) {
    const documents = isJsonLines(file)
      ? divideLong(jsonDocuments(file, options), maxCharacters)
      : textDocuments(file, options, maxCharacters);
    for await (const document of documents) {
      found = true;
      yield document;
    }
  }
  if (!found) throw new InputError(`${files.join(', ')}: found no document, expected at least one`);
}

/**
 * Yields the conversations of JSON lines with `messages`. In conversations without an assistant, the role `system` is
 * renamed to `assistant`, because corpora of task dialogues use it so.
 * @throws {InputError} with file and line, if something is missing or malformed, or there is no conversation
 */
export async function* readConversations(
  paths: readonly string[],
  { signal }: Pick<CorpusOptions, 'signal'> = {},
): AsyncGenerator<ChatMessage[]> {
  let found = false;
  for (const file of await listFiles(paths)) {
    if (!isJsonLines(file)) {
      throw new InputError(
        `${file}: found a text file, expected conversations: .jsonl, with or without .zst`,
      );
    }
    for await (const { row, where } of jsonRows(file, signal)) {
      if (!isObject(row) || !Array.isArray(row.messages)) {
        throw new InputError(`${where}: found ${describe(row)}, expected an object with "messages"`);
      }
      found = true;
      yield withAssistant(checkMessages(row.messages, where));
    }
  }
  if (!found) throw new InputError(`${paths.join(', ')}: found no conversation, expected at least one`);
}

function withAssistant(messages: ChatMessage[]): ChatMessage[] {
  if (messages[0]?.role !== 'user' || messages.some(({ role }) => role === 'assistant')) return messages;
  return messages.map(({ role, content }) => ({ role: role === 'system' ? 'assistant' : role, content }));
}

async function listFiles(paths: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(paths.map(filesOf));
  if (paths.length === 0) throw new InputError('corpus: found no file name, expected at least one');
  return lists.flat();
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: found no such file or folder (${error.code}), expected ${FORMATS}`);
  });
  if (!found.isDirectory()) {
    if (isText(path) || isJsonLines(path)) return [path];
    throw new InputError(`${path}: found an unknown kind of file, expected a name in ${FORMATS}`);
  }
  const names = (await readdir(path)).filter((name) => isText(name) || isJsonLines(name)).sort();
  if (names.length === 0)
    throw new InputError(`${path}: found no corpus file in the folder, expected ${FORMATS}`);
  return names.map((name) => join(path, name));
}

const isText = (file: string) => unpackedName(file).endsWith('.txt');
const isJsonLines = (file: string) => unpackedName(file).endsWith('.jsonl');

/**
 * The line break before a separator belongs to it. A file without separators gives its text unchanged, in
 * documents of at most `longest` characters.
 */
async function* textDocuments(file: string, options: CorpusOptions, longest: number): AsyncGenerator<string> {
  const { separator = '<|endoftext|>', signal } = options;
  let text = '';
  let lineStart = true;
  for await (const line of readLines(readText(file, signal), longest)) {
    if (lineStart && line.complete && line.text.trimEnd() === separator) {
      const document = text.replace(/\r?\n$/, '');
      if (document !== '') yield document;
      text = '';
      continue;
    }
    lineStart = line.complete;
    text += line.text;
    while (text.length > longest) {
      const cut = goodCut(text, longest);
      yield text.slice(0, cut);
      text = text.slice(cut);
    }
  }
  if (text !== '') yield text;
}

async function* divideLong(documents: AsyncIterable<string>, longest: number): AsyncGenerator<string> {
  for await (let document of documents) {
    while (document.length > longest) {
      const cut = goodCut(document, longest);
      yield document.slice(0, cut);
      document = document.slice(cut);
    }
    yield document;
  }
}

/** Returns where to split a text within the first `longest` characters: after a paragraph, line or word. */
function goodCut(text: string, longest: number): number {
  const head = text.slice(0, longest);
  for (const end of ['\n\n', '\n', ' ']) {
    const at = head.lastIndexOf(end);
    // A word's space stays with the word: tokenizers expect it there.
    if (at > longest / 2) return end === ' ' ? at : at + end.length;
  }
  return safeCut(text, longest);
}

async function* jsonDocuments(file: string, options: CorpusOptions): AsyncGenerator<string> {
  for await (const { row, where } of jsonRows(file, options.signal)) {
    const document = documentOf(row, where, options);
    if (document !== '') yield document;
  }
}

async function* jsonRows(file: string, signal?: AbortSignal) {
  for await (const line of readLines(readText(file, signal), LONGEST_JSON_LINE)) {
    const where = `${file}:${line.number}`;
    if (!line.complete)
      throw new InputError(`${where}: found a line of more than ${LONGEST_JSON_LINE} characters`);
    if (line.text.trim() !== '') yield { row: parseLine(line.text, where), where };
  }
}

function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new InputError(`${where}: not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function documentOf(
  row: unknown,
  where: string,
  { field = 'text', renderMessages = renderPlainly }: CorpusOptions,
): string {
  if (!isObject(row)) throw new InputError(`${where}: found ${describe(row)}, expected an object`);
  const text = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof text === 'string') return text;
  if (text === undefined && Array.isArray(row.messages))
    return renderMessages(checkMessages(row.messages, where));
  throw new InputError(
    `${where}: ${field}: found ${describe(text)} in ${describe(row)}, expected a text, or "messages"`,
  );
}

function checkMessages(messages: unknown[], where: string): ChatMessage[] {
  messages.forEach((message, index) => {
    if (isObject(message) && typeof message.role === 'string' && typeof message.content === 'string') return;
    throw new InputError(
      `${where}: messages[${index}]: found ${describe(message)}, expected an object with the texts role and content`,
    );
  });
  return messages as ChatMessage[];
}

function renderPlainly(messages: ChatMessage[]): string {
  return messages.map(({ role, content }) => `${role}: ${content}`).join('\n');
}
