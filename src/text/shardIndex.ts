/** The index of a folder of token shards, `shards.json`. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { parseJsonObject } from '../json.ts';

export const SHARD_VERSION = 1;

const natural = (largest: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(largest));

const schema = v.object({
  version: v.literal(SHARD_VERSION),
  /** little-endian */
  dtype: v.picklist(['uint16', 'uint32']),
  vocabularySize: natural(2 ** 31 - 1),
  /** SHA-256 of the tokenizer, see `hashTokenizer` */
  tokenizerHash: v.string(),
  documents: natural(Number.MAX_SAFE_INTEGER),
  /** Tokens of a row, for conversations; the highest bit of an entry marks a label. */
  rowLength: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(2 ** 24 + 1))),
  /** names without folders: an index must not reach outside its own */
  shards: v.pipe(
    v.array(v.object({ file: v.pipe(v.string(), v.regex(/^tokens-\d+\.bin$/)), tokens: natural(2 ** 30) })),
    v.maxLength(4096),
  ),
});

export type ShardIndex = v.InferOutput<typeof schema>;

/** @throws {InputError} naming file and field */
export function parseIndex(text: string, file: string): ShardIndex {
  const result = v.safeParse(schema, parseJsonObject(new TextEncoder().encode(text), file));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError(
    `${file}: ${v.getDotPath(issue) ?? 'the content'}: found ${issue.received}, expected ${issue.expected ?? issue.message}`,
  );
}
