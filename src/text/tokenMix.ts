/**
 * The data of a run: one folder of token shards, or several by weight, and validation texts. `mix.json` lies beside the
 * folders that it names and their common tokenizer.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { parseJsonObject } from '../json.ts';
import { replaceFile } from './replaceFile.ts';
import { TokenShards, type TokenSource } from './shards.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** A name without a path: a mix must not reach outside its folder. */
const folderName = v.pipe(v.string(), v.regex(/^[\w-][\w.-]*$/, 'the name of a folder beside the mix'));

const schema = v.strictObject({
  version: v.literal(1),
  /** Training texts: a part's share of all windows is its weight over the sum of weights. */
  parts: v.pipe(
    v.array(v.strictObject({ folder: folderName, weight: v.pipe(v.number(), v.gtValue(0), v.finite()) })),
    v.minLength(1),
    v.maxLength(100),
  ),
  /** Held-out texts, each validated separately. */
  validation: v.optional(v.pipe(v.array(folderName), v.maxLength(100)), []),
});

export type MixFile = v.InferInput<typeof schema>;

/** Tokens with a name for logs and messages. */
export interface NamedTokens {
  readonly name: string;
  readonly source: TokenSource;
}

export interface MixPart extends NamedTokens {
  /** Above 0; only ratios matter. */
  readonly weight: number;
}

interface OpenPart extends MixPart {
  readonly source: TokenShards;
}

/** Writes `mix.json`, or another name, into the folder that holds the folders of shards. */
export async function writeMix(folder: string, mix: MixFile, name = 'mix.json'): Promise<void> {
  const checked = parseMix(JSON.stringify(mix), join(folder, name));
  await replaceFile(join(folder, name), `${JSON.stringify(checked, undefined, 2)}\n`);
}

/** Returns the mix file of a path (a `.json` file, or a folder with `mix.json`); undefined for anything else. */
export async function mixFileOf(path: string): Promise<string | undefined> {
  for (const file of path.endsWith('.json') ? [path] : [join(path, 'mix.json')]) {
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  return undefined;
}

export class TokenMix {
  readonly parts: readonly MixPart[];
  /** Empty for plain shards; a run then excludes windows of them from training. */
  readonly validation: readonly NamedTokens[];
  readonly #open: readonly TokenShards[];

  private constructor(parts: readonly OpenPart[], validation: readonly OpenPart[]) {
    this.parts = parts;
    this.validation = validation;
    this.#open = [...parts, ...validation].map(({ source }) => source);
  }

  /**
   * @param path a folder of token shards, a folder with `mix.json`, or such a file by another name
   * @param tokenizer the tokenizer that all shards must have been written with; not checked if absent
   * @throws {InputError} if something is missing or does not match
   */
  static async open(path: string, tokenizer?: TextTokenizer): Promise<TokenMix> {
    const file = await mixFileOf(path);
    if (file === undefined) {
      return new TokenMix([{ name: path, source: await TokenShards.open(path, tokenizer), weight: 1 }], []);
    }
    const mix = parseMix(await readFile(file, 'utf8'), file);
    const opened: OpenPart[] = [];
    try {
      for (const { folder, weight } of [
        ...mix.parts,
        ...mix.validation.map((name) => ({ folder: name, weight: 1 })),
      ]) {
        const source = await TokenShards.open(join(dirname(file), folder), tokenizer);
        opened.push({ name: folder, source, weight });
      }
    } catch (error) {
      await Promise.all(opened.map(({ source }) => source.close()));
      throw error;
    }
    return new TokenMix(opened.slice(0, mix.parts.length), opened.slice(mix.parts.length));
  }

  /** Tokens to train on, each counted once. */
  get tokenCount(): number {
    return this.parts.reduce((sum, { source }) => sum + source.tokenCount, 0);
  }

  /** Ids are below this. */
  get vocabularySize(): number {
    return Math.max(...this.#open.map(({ vocabularySize }) => vocabularySize));
  }

  /** Returns the SHA-256 of tokens, weights and roles, on which batches depend. Reads every file. */
  async contentHash(): Promise<string> {
    const hash = createHash('sha256');
    for (const [index, shards] of this.#open.entries()) {
      hash.update(JSON.stringify([this.parts[index]?.weight ?? 'validation', await shards.contentHash()]));
    }
    return hash.digest('hex');
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((shards) => shards.close()));
  }
}

function parseMix(text: string, file: string): v.InferOutput<typeof schema> {
  const result = v.safeParse(schema, parseJsonObject(new TextEncoder().encode(text), file));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError(
    `${file}: ${v.getDotPath(issue) ?? 'the content'}: found ${issue.received}, expected ${issue.expected ?? issue.message}`,
  );
}
