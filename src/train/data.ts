/** Prepares training data: a tokenizer and token shards, from texts or from existing shards. */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.ts';
import { readConversations, readDocuments } from '../text/corpus.ts';
import { tokenBytes } from '../text/tokenBytes.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { mixFileOf, TokenMix } from '../text/tokenMix.ts';
import { type TrainProgress, trainBpe } from '../text/trainBpe.ts';
import { type ShardProgress, writeSequences, writeShards } from '../text/writeShards.ts';
import { conversationRows } from './conversations.ts';

export interface DataOptions {
  /**
   * Text files, folders of them, or one folder of token shards, or one mix of such folders; or the documents, each
   * time from the first.
   */
  readonly data: readonly string[] | (() => AsyncIterable<string>);
  /** Where shards are written if `data` is text. */
  readonly shardFolder: string;
  /** A folder with a tokenizer; without one a tokenizer is trained. */
  readonly tokenizer?: string | undefined;
  /** Tokens of a tokenizer that is trained. */
  readonly vocabulary: number;
  /** `data` holds conversations: only the assistant's turns are learned, in rows of this many tokens. */
  readonly chatLength?: number | undefined;
  /** The field of JSON lines that holds the text. */
  readonly field?: string | undefined;
  readonly onTokenizer?: ((progress: TrainProgress) => void) | undefined;
  readonly onShards?: ((progress: ShardProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Data {
  readonly tokenizer: TextTokenizer;
  readonly shards: TokenMix;
  /** Where the shards are, or their mix. */
  readonly folder: string;
}

/**
 * @throws InputError if something is missing or malformed
 * @throws the signal's reason, once aborted
 */
export async function prepareData(options: DataOptions): Promise<Data> {
  const { data, field, signal, chatLength } = options;
  if (typeof data === 'object') {
    const shards = await shardFolderOf(data);
    if (shards !== undefined) return openShards(shards, options);
    if (chatLength !== undefined) return prepareChat(data, chatLength, options);
  }
  const documents =
    typeof data === 'function'
      ? data
      : () => readDocuments(data, { ...given('field', field), ...given('signal', signal) });
  const tokenizer = options.tokenizer
    ? await TextTokenizer.load(options.tokenizer)
    : await trainTokenizer(documents(), options);
  await writeShards(options.shardFolder, documents(), tokenizer, {
    ...given('onProgress', options.onShards),
    ...given('signal', signal),
  });
  const shards = await TokenMix.open(options.shardFolder, tokenizer);
  return { tokenizer, shards, folder: options.shardFolder };
}

async function prepareChat(paths: readonly string[], length: number, options: DataOptions): Promise<Data> {
  const { shardFolder, tokenizer: folder, onShards, signal } = options;
  if (folder === undefined) {
    throw new InputError(
      'chat: found no tokenizer, expected one with a chat template: name a model with --from or --tokenizer',
    );
  }
  const tokenizer = await TextTokenizer.load(folder);
  const rows = conversationRows(readConversations(paths, given('signal', signal)), tokenizer, length);
  await writeSequences(shardFolder, rows, tokenizer, {
    rowLength: length + 1,
    ...given('onProgress', onShards),
    ...given('signal', signal),
  });
  return { tokenizer, shards: await TokenMix.open(shardFolder, tokenizer), folder: shardFolder };
}

/** The folder of token shards, or the mix of such folders, that `paths` names; none if these are texts. */
export async function shardFolderOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const mix = await mixFileOf(path);
    if (mix === undefined && !(await exists(join(path, 'shards.json')))) continue;
    if (paths.length === 1) return mix ?? path;
    throw new InputError(`data: found ${path}, a folder of token shards, among others; expected it alone`);
  }
  return undefined;
}

async function trainTokenizer(
  documents: AsyncIterable<string>,
  options: DataOptions,
): Promise<TextTokenizer> {
  const { json, config } = await trainBpe(documents, {
    vocabularySize: options.vocabulary,
    ...given('onProgress', options.onTokenizer),
    ...given('signal', options.signal),
  });
  return TextTokenizer.fromJson(json, config);
}

/** Shards lie beside their tokenizer, or in the run folder that has it; a mix lies beside it. */
async function openShards(folder: string, { tokenizer: named }: DataOptions): Promise<Data> {
  const places = named ? [named] : [folder, dirname(resolve(folder))];
  for (const place of places) {
    if (!named && !(await exists(join(place, 'tokenizer.json')))) continue;
    const tokenizer = await TextTokenizer.load(place);
    return { tokenizer, shards: await TokenMix.open(folder, tokenizer), folder };
  }
  if (folder.endsWith('.json')) {
    throw new InputError(
      `${folder}: found no tokenizer beside it, which a mix of token shards has; name its folder with --tokenizer, or, if ` +
        'these are texts, expected .txt or .jsonl, one object a line',
    );
  }
  throw new InputError(
    `${folder}: found token shards without a tokenizer beside them; name its folder with --tokenizer`,
  );
}

/**
 * Returns a function that counts the bytes of text of token ids, so that losses of models with different vocabularies
 * can be compared per byte. Special tokens and negative (ignored) labels count 0.
 */
export function byteCounter(tokenizer: TextTokenizer): (ids: Int32Array) => number {
  const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.token(id));
  const bytes = tokenBytes(tokenizer.json, tokens, 'tokenizer.json');
  const lengths = tokens.map((_, id) => (tokenizer.isSpecial(id) ? 0 : bytes.of(id).length));
  return (ids) => ids.reduce((sum, id) => sum + (lengths[id] ?? 0), 0);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** An optional property, absent rather than undefined. */
function given<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}
