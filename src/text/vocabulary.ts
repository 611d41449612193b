/** The tokens of a `tokenizer.json` by id and by text. */
import { InputError } from '../errors.ts';
import { describe, type TokenizerJson } from './tokenizerJson.ts';

export interface TokenTables {
  /** The tokens of the model, without the added ones. */
  readonly modelIds: ReadonlyMap<string, number>;
  /** All tokens, the added ones too. */
  readonly idOf: ReadonlyMap<string, number>;
  /** id → token */
  readonly tokens: readonly (string | undefined)[];
}

/** @throws {InputError} if an added token has another id than the model gives the same text */
export function tokenTables(json: TokenizerJson, source: string): TokenTables {
  const { vocab } = json.model;
  const modelIds = new Map<string, number>(
    Array.isArray(vocab) ? vocab.map(([token], id) => [token, id] as const) : Object.entries(vocab),
  );
  const tokens: (string | undefined)[] = [];
  if (Array.isArray(vocab)) for (const [token] of vocab) tokens.push(token);
  else for (const [token, id] of modelIds) tokens[id] = token;
  const idOf = new Map(modelIds);
  json.added_tokens.forEach(({ id, content }, index) => {
    const known = modelIds.get(content);
    if (known !== undefined && known !== id) {
      throw new InputError(
        `${source}: added_tokens[${index}]: found ${describe(content)} with the id ${id}, expected ${known} as in model.vocab`,
      );
    }
    tokens[id] = content;
    idOf.set(content, id);
  });
  return { modelIds, idOf, tokens };
}
