/**
 * Token shards: a corpus as files of token ids (`tokens-00000.bin`, little-endian) with an index `shards.json`.
 * Training reads any place of it by position; memory holds only what is asked for.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { replaceFile } from './replaceFile.ts';
import { parseIndex, SHARD_VERSION, type ShardIndex } from './shardIndex.ts';
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

/** One stream of tokens that can be read anywhere. */
export interface TokenSource {
  readonly tokenCount: number;
  /** Ids are below this. */
  readonly vocabularySize: number;
  /** Fills `out` with the tokens from `start` on. */
  read(start: number, out: Int32Array): Promise<void>;
}

/**
 * Encodes documents into a new folder, which appears when it is complete. Each document ends with the eos token;
 * before it stand the tokens that the tokenizer puts before a text, unless that is the eos token itself, which
 * then already divides the documents.
 * @throws {InputError} if the folder exists and is not empty, or the tokenizer has no eos token
 * @throws the signal's reason, once aborted; nothing is left behind
 */
export async function writeShards(
  folder: string,
  documents: AsyncIterable<string>,
  tokenizer: TextTokenizer,
  { tokensPerShard = 2 ** 26, onProgress, signal }: WriteShardsOptions = {},
): Promise<ShardIndex> {
  if (!Number.isInteger(tokensPerShard) || tokensPerShard < 1 || tokensPerShard > 2 ** 30) {
    throw new InputError(`tokensPerShard: found ${tokensPerShard}, expected an integer from 1 to 2^30`);
  }
  const eos = tokenizer.eosTokenId;
  if (eos === undefined)
    throw new InputError('tokenizer: found no eos token, expected one to end documents with');
  await checkVacant(folder);
  const partial = `${folder}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const writer = new ShardWriter(partial, tokenizer.vocabularySize, tokensPerShard);
  try {
    const progress: ShardProgress = { documents: 0, characters: 0, tokens: 0 };
    for await (const document of documents) {
      signal?.throwIfAborted();
      progress.tokens += await writer.write(framed(tokenizer.encode(document), eos));
      progress.documents += 1;
      progress.characters += document.length;
      onProgress?.({ ...progress });
    }
    const shards = await writer.finish();
    const index: ShardIndex = {
      version: SHARD_VERSION,
      dtype: writer.dtype,
      vocabularySize: tokenizer.vocabularySize,
      tokenizerHash: hashTokenizer(tokenizer),
      documents: progress.documents,
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

/** The document between its marks: […] ids eos. */
function framed(ids: readonly number[], eos: number): readonly number[] {
  const ended = ids.at(-1) === eos ? ids : [...ids, eos];
  return ended[0] === eos ? ended.slice(1) : ended;
}

/** What makes ids comparable: the vocabulary and every step that leads to it. */
export function hashTokenizer({ json }: TextTokenizer): string {
  const { added_tokens, normalizer, pre_tokenizer, model } = json;
  return createHash('sha256')
    .update(JSON.stringify([added_tokens, normalizer, pre_tokenizer, model]))
    .digest('hex');
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

  constructor(folder: string, vocabularySize: number, tokensPerShard: number) {
    this.#folder = folder;
    this.#tokensPerShard = tokensPerShard;
    this.dtype = vocabularySize > 2 ** 16 ? 'uint32' : 'uint16';
    this.#buffer = this.dtype === 'uint32' ? new Uint32Array(2 ** 18) : new Uint16Array(2 ** 18);
  }

  async write(ids: readonly number[]): Promise<number> {
    for (const id of ids) {
      if (this.#buffered === this.#buffer.length) await this.#flush();
      this.#buffer[this.#buffered++] = id;
    }
    return ids.length;
  }

  async finish(): Promise<{ file: string; tokens: number }[]> {
    await this.#flush();
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

/** The bytes of `ids`, in place, as the files hold them. */
function littleEndian(ids: Uint16Array | Uint32Array): Buffer {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  if (endianness() === 'LE') return bytes;
  return ids.BYTES_PER_ELEMENT === 2 ? bytes.swap16() : bytes.swap32();
}

/** An open set of shards. */
export class TokenShards implements TokenSource {
  readonly index: ShardIndex;
  readonly tokenCount: number;
  readonly vocabularySize: number;
  readonly #folder: string;
  readonly #handles: FileHandle[];
  /** first token of each shard, and the end */
  readonly #starts: number[] = [0];

  private constructor(folder: string, index: ShardIndex, handles: FileHandle[]) {
    this.#folder = folder;
    this.index = index;
    this.#handles = handles;
    for (const { tokens } of index.shards) this.#starts.push(this.#starts.at(-1)! + tokens);
    this.tokenCount = this.#starts.at(-1)!;
    this.vocabularySize = index.vocabularySize;
  }

  /**
   * @param tokenizer if given, the one that the shards must have been written with
   * @throws {InputError} if index and files do not fit together, or the tokenizer is another
   */
  static async open(folder: string, tokenizer?: TextTokenizer): Promise<TokenShards> {
    const file = join(folder, 'shards.json');
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new InputError(`${file}: cannot be read (${error.message}), expected the index of token shards`);
    });
    const index = parseIndex(text, file);
    if (tokenizer !== undefined && hashTokenizer(tokenizer) !== index.tokenizerHash) {
      throw new InputError(
        `${file}: tokenizerHash: found another tokenizer's; write the shards anew with this one`,
      );
    }
    const width = index.dtype === 'uint16' ? 2 : 4;
    for (const shard of index.shards) {
      const size = (await stat(join(folder, shard.file)).catch(() => undefined))?.size;
      if (size !== shard.tokens * width) {
        const found = size === undefined ? 'no file' : `${size} bytes`;
        throw new InputError(
          `${join(folder, shard.file)}: found ${found}, expected ${shard.tokens * width} bytes`,
        );
      }
    }
    const handles: FileHandle[] = [];
    try {
      for (const shard of index.shards) handles.push(await open(join(folder, shard.file), 'r'));
    } catch (error) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw error;
    }
    return new TokenShards(folder, index, handles);
  }

  /** @throws {InputError} if the range is not in the stream, or holds an id outside the vocabulary */
  async read(start: number, out: Int32Array): Promise<void> {
    if (!Number.isInteger(start) || start < 0 || start + out.length > this.tokenCount) {
      throw new InputError(
        `tokens ${start} to ${start + out.length}: not in the ${this.tokenCount} tokens of ${this.#folder}`,
      );
    }
    let shard = this.#starts.findLastIndex((first) => first <= start);
    for (let done = 0; done < out.length; shard++) {
      const from = start + done - this.#starts[shard]!;
      const count = Math.min(out.length - done, this.index.shards[shard]!.tokens - from);
      await this.#readShard(shard, from, out.subarray(done, done + count));
      done += count;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close()));
  }

  async #readShard(shard: number, from: number, out: Int32Array): Promise<void> {
    const ids = this.index.dtype === 'uint16' ? new Uint16Array(out.length) : new Uint32Array(out.length);
    const bytes = new Uint8Array(ids.buffer);
    for (let done = 0; done < bytes.length; ) {
      const position = from * ids.BYTES_PER_ELEMENT + done;
      const { bytesRead } = await this.#handles[shard]!.read(bytes, done, bytes.length - done, position);
      if (bytesRead === 0)
        throw new InputError(`${this.#folder}: ${this.#name(shard)} became shorter while in use`);
      done += bytesRead;
    }
    littleEndian(ids);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (id >= this.vocabularySize) {
        throw new InputError(
          `${join(this.#folder, this.#name(shard))}: token ${from + i}: found id ${id}, ` +
            `expected one below ${this.vocabularySize}`,
        );
      }
      out[i] = id;
    }
  }

  #name(shard: number): string {
    return this.index.shards[shard]!.file;
  }
}
