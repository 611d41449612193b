/**
 * Texts and token ids in requests. Plain functions check half a million ids in milliseconds; a schema for each id would
 * block the server, and so all clients, for longer.
 */
import * as v from 'valibot';

export const tokenIds = v.custom<number[]>(isTokenIds, 'token ids');

export const textsOrIds = v.custom<string | number[] | string[] | number[][]>(
  (x) => isText(x) || isTokenIds(x) || isListOf(x, isText) || isListOf(x, isTokenIds),
  'a text, a list of token ids, or a list of either',
);

function isTokenIds(x: unknown): boolean {
  return isListOf(x, (one) => Number.isSafeInteger(one) && (one as number) >= 0);
}

function isText(x: unknown): boolean {
  return typeof x === 'string';
}

function isListOf(x: unknown, is: (one: unknown) => boolean): boolean {
  return Array.isArray(x) && x.every(is);
}
