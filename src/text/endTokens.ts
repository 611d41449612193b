/** End-of-sequence tokens of a model: the union over all files of its folder. */
import { isObject } from './tokenizerJson.ts';

/**
 * @param configs contents of `generation_config.json` and `config.json`, whose `eos_token_id` is an id or a list
 * @param specials the content of `special_tokens_map.json`, whose `eos_token` is a text or `{ content }`
 * @returns ids and texts
 */
export function endTokensOf(
  configs: readonly (Record<string, unknown> | undefined)[],
  specials: Record<string, unknown>,
): (number | string)[] {
  const ids = configs.flatMap((config) => config?.eos_token_id ?? []);
  const entry = specials.eos_token;
  const text = isObject(entry) ? entry.content : entry;
  return [...ids, text].filter((end) => typeof end === 'number' || typeof end === 'string');
}
