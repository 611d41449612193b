/**
 * Token shards: a corpus as files of token ids (`tokens-00000.bin`, little-endian) with an index `shards.json`.
 * Training reads any position; memory holds only the requested tokens.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { parseIndex, type ShardIndex } from './shardIndex.ts';
import { refuseWrongStart } from './textFile.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** A stream of tokens with random access. */
export interface TokenSource {
  readonly tokenCount: number;
  /** Ids are below this. */
  readonly vocabularySize: number;
  /**
   * Tokens of a row, for conversations, in which marked tokens are the labels. Absent for plain text, which can be cut
   * anywhere and in which every token is a label.
   */
  readonly rowLength?: number | undefined;
  /** Fills `out` with the tokens from `start` on, and `marks` with 1 where one is marked and 0 where not. */
  read(start: number, out: Int32Array, marks?: Uint8Array): Promise<void>;
}

/** Hashes everything that determines ids: the vocabulary, and every step from text to ids. */
export function hashTokenizer({ json }: TextTokenizer): string {
  const { added_tokens, normalizer, pre_tokenizer, model } = json;
  return createHash('sha256')
    .update(JSON.stringify([added_tokens, normalizer, pre_tokenizer, model]))
    .digest('hex');
}

/** The number added to the id of a marked token: the highest bit. */
export function markOf(dtype: ShardIndex['dtype']): number {
  return dtype === 'uint16' ? 2 ** 15 : 2 ** 31;
}

/** Converts `ids` to the bytes of the files, in place. */
export function littleEndian(ids: Uint16Array | Uint32Array): Buffer {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  if (endianness() === 'LE') return bytes;
  return ids.BYTES_PER_ELEMENT === 2 ? bytes.swap16() : bytes.swap32();
}

/** An open set of shards. */
export class TokenShards implements TokenSource {
  readonly index: ShardIndex;
  readonly tokenCount: number;
  readonly vocabularySize: number;
  readonly rowLength: number | undefined;
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
    this.rowLength = index.rowLength;
  }

  /**
   * @param tokenizer the tokenizer that the shards must have been written with; not checked if absent
   * @throws {InputError} if index and files do not match, or the shards were written with another tokenizer
   */
  static async open(folder: string, tokenizer?: TextTokenizer): Promise<TokenShards> {
    const file = join(folder, 'shards.json');
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new InputError(`${file}: cannot be read (${error.message}), expected the index of token shards`);
    });
    const index = parseIndex(text, file);
    if (tokenizer !== undefined && hashTokenizer(tokenizer) !== index.tokenizerHash) {
      throw new InputError(
        `${file}: tokenizerHash: found that of another tokenizer; write the shards again with this one`,
      );
    }
    const width = index.dtype === 'uint16' ? 2 : 4;
    for (const shard of index.shards) {
      const size = (await stat(join(folder, shard.file)).catch(() => undefined))?.size;
      if (size !== shard.tokens * width) {
        if (size !== undefined) await refuseWrongStart(join(folder, shard.file), 'a token shard');
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
  async read(start: number, out: Int32Array, marks?: Uint8Array): Promise<void> {
    if (!Number.isInteger(start) || start < 0 || start + out.length > this.tokenCount) {
      throw new InputError(
        `tokens ${start} to ${start + out.length}: not in the ${this.tokenCount} tokens of ${this.#folder}`,
      );
    }
    let shard = this.#starts.findLastIndex((first) => first <= start);
    for (let done = 0; done < out.length; shard++) {
      const from = start + done - this.#starts[shard]!;
      const count = Math.min(out.length - done, this.index.shards[shard]!.tokens - from);
      await this.#readShard(
        shard,
        from,
        out.subarray(done, done + count),
        marks?.subarray(done, done + count),
      );
      done += count;
    }
  }

  /** Returns the SHA-256 of all tokens and their layout in hexadecimal. Reads every file. */
  async contentHash(): Promise<string> {
    const hash = createHash('sha256').update(JSON.stringify([this.index.dtype, this.rowLength ?? null]));
    const buffer = Buffer.alloc(2 ** 20);
    for (const [shard, handle] of this.#handles.entries()) {
      for (let position = 0; ; ) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        position += bytesRead;
      }
      hash.update(JSON.stringify(this.index.shards[shard]!.tokens));
    }
    return hash.digest('hex');
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close()));
  }

  async #readShard(
    shard: number,
    from: number,
    out: Int32Array,
    marks: Uint8Array | undefined,
  ): Promise<void> {
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
    const mark = this.rowLength === undefined ? Number.POSITIVE_INFINITY : markOf(this.index.dtype);
    for (let i = 0; i < ids.length; i++) {
      const marked = ids[i]! >= mark;
      const id = marked ? ids[i]! - mark : ids[i]!;
      if (marks) marks[i] = marked ? 1 : 0;
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
