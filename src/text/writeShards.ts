/** Writes token shards: documents, or rows of conversations with marks. */
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { partialName, removePartials } from '../processMark.ts';
import { replaceFile } from './replaceFile.ts';
import { SHARD_VERSION, type ShardIndex } from './shardIndex.ts';
import { hashTokenizer, littleEndian, markOf } from './shards.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface ShardProgress {
  documents: number;
  characters: number;
  tokens: number;
}

export interface WriteShardsOptions {
  /** Default 2^26: files of 128 MB. */
  tokensPerShard?: number;
  /** Called after each document. */
  onProgress?: (progress: ShardProgress) => void;
  signal?: AbortSignal;
}

/**
 * Encodes documents into a new folder, which appears when it is complete. Each document ends with the EOS token and
 * begins with the tokens that the tokenizer puts before a text, except the EOS token, which already separates
 * documents.
 * @throws {InputError} if the folder exists and is not empty, or the tokenizer has no eos token
 * @throws the signal's reason, once aborted; nothing is left behind
 */
export async function writeShards(
  folder: string,
  documents: AsyncIterable<string>,
  tokenizer: TextTokenizer,
  options: WriteShardsOptions = {},
): Promise<ShardIndex> {
  const eos = endOfDocument(tokenizer);
  async function* sequences(): AsyncGenerator<TokenSequence> {
    for await (const document of documents) {
      yield { ids: framed(tokenizer.encode(document), eos), documents: 1, characters: document.length };
    }
  }
  return writeSequences(folder, sequences(), tokenizer, options);
}

/** Returns the token that ends a document. @throws {InputError} if the tokenizer has none */
export function endOfDocument({ eosTokenId }: TextTokenizer): number {
  if (eosTokenId !== undefined) return eosTokenId;
  throw new InputError('tokenizer: found no EOS token, expected one to end documents');
}

/** Tokens to write, with the documents and characters that they encode. */
export interface TokenSequence {
  readonly ids: readonly number[];
  /** 1 for labels, 0 for others; required for shards with rows. */
  readonly marks?: readonly number[];
  readonly documents: number;
  readonly characters: number;
}

/**
 * Like `writeShards`, for sequences of tokens.
 * @param rowLength tokens of each sequence, which must have marks; see `TokenSource`
 */
export async function writeSequences(
  folder: string,
  sequences: AsyncIterable<TokenSequence>,
  tokenizer: TextTokenizer,
  {
    tokensPerShard = 2 ** 26,
    onProgress,
    signal,
    rowLength,
  }: WriteShardsOptions & { rowLength?: number } = {},
): Promise<ShardIndex> {
  if (!Number.isInteger(tokensPerShard) || tokensPerShard < 1 || tokensPerShard > 2 ** 30) {
    throw new InputError(`tokensPerShard: found ${tokensPerShard}, expected an integer from 1 to 2^30`);
  }
  await checkVacant(folder);
  await removePartials(folder);
  const partial = partialName(folder);
  await mkdir(partial, { recursive: true });
  const writer = new ShardWriter(partial, tokenizer.vocabularySize, tokensPerShard, rowLength !== undefined);
  try {
    const progress: ShardProgress = { documents: 0, characters: 0, tokens: 0 };
    for await (const { ids, marks, documents, characters } of sequences) {
      signal?.throwIfAborted();
      if (rowLength !== undefined && (ids.length !== rowLength || marks?.length !== rowLength)) {
        throw new RangeError(`found ${ids.length} tokens, ${marks?.length} marks; a row has ${rowLength}`);
      }
      progress.tokens += await writer.write(ids, marks);
      progress.documents += documents;
      progress.characters += characters;
      onProgress?.({ ...progress });
    }
    const shards = await writer.finish();
    const index: ShardIndex = {
      version: SHARD_VERSION,
      dtype: writer.dtype,
      vocabularySize: tokenizer.vocabularySize,
      tokenizerHash: hashTokenizer(tokenizer),
      documents: progress.documents,
      ...(rowLength === undefined ? {} : { rowLength }),
      shards,
    };
    await replaceFile(join(partial, 'shards.json'), `${JSON.stringify(index, null, 2)}\n`);
    await rename(partial, folder);
    return index;
  } catch (error) {
    await writer.close();
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Puts a document between its delimiters: […] ids EOS. */
function framed(ids: readonly number[], eos: number): readonly number[] {
  const ended = ids.at(-1) === eos ? ids : [...ids, eos];
  return ended[0] === eos ? ended.slice(1) : ended;
}

async function checkVacant(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new InputError(`${folder}: cannot be used for shards: ${error.message}`, { cause: error });
  });
  if (names === undefined) return;
  if (names.length > 0) {
    throw new InputError(
      `${folder}: found ${names.length} files, expected a new folder; name another or delete it`,
    );
  }
  await rmdir(folder);
}

/** Appends tokens to shard files of a fixed length. */
class ShardWriter {
  readonly dtype: 'uint16' | 'uint32';
  readonly #folder: string;
  readonly #buffer: Uint16Array | Uint32Array;
  readonly #tokensPerShard: number;
  readonly #shards: { file: string; tokens: number }[] = [];
  #buffered = 0;
  #handle: FileHandle | undefined;

  constructor(folder: string, vocabularySize: number, tokensPerShard: number, marked: boolean) {
    this.#folder = folder;
    this.#tokensPerShard = tokensPerShard;
    this.dtype = vocabularySize > 2 ** (marked ? 15 : 16) ? 'uint32' : 'uint16';
    this.#buffer = this.dtype === 'uint32' ? new Uint32Array(2 ** 18) : new Uint16Array(2 ** 18);
  }

  async write(ids: readonly number[], marks?: readonly number[]): Promise<number> {
    const mark = markOf(this.dtype);
    for (const [at, id] of ids.entries()) {
      if (this.#buffered === this.#buffer.length) await this.#flush();
      this.#buffer[this.#buffered++] = marks?.[at] ? id + mark : id;
    }
    return ids.length;
  }

  async finish(): Promise<{ file: string; tokens: number }[]> {
    await this.#flush();
    await this.#handle?.sync();
    await this.close();
    return this.#shards;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #flush(): Promise<void> {
    for (let from = 0; from < this.#buffered; ) {
      const shard = await this.#openShard();
      const count = Math.min(this.#buffered - from, this.#tokensPerShard - shard.tokens);
      await this.#handle!.writeFile(littleEndian(this.#buffer.slice(from, from + count)));
      shard.tokens += count;
      from += count;
    }
    this.#buffered = 0;
  }

  async #openShard(): Promise<{ file: string; tokens: number }> {
    const last = this.#shards.at(-1);
    if (last !== undefined && last.tokens < this.#tokensPerShard) return last;
    await this.#handle?.sync();
    await this.close();
    const shard = { file: `tokens-${String(this.#shards.length).padStart(5, '0')}.bin`, tokens: 0 };
    this.#handle = await open(join(this.#folder, shard.file), 'wx');
    this.#shards.push(shard);
    return shard;
  }
}
