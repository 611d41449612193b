/**
 * Parses JSON from outside. Size, nesting and breadth are bounded before `JSON.parse` runs, because a parser allocates
 * a large multiple of the size of a hostile file, such as `[[[[…`.
 */
import { InputError } from './errors.ts';
import { refuseWrongFile } from './wrongFile.ts';

export type JsonObject = { [key: string]: unknown };

const maxDepth = 64;
const maxStructure = 16_000_000;

/** Formats a value for an error message: JSON, cut to fit a terminal line. */
export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses the JSON object in `bytes` (UTF-8).
 * @param where what an error calls the source, e.g. a path
 * @throws InputError if it is not UTF-8, not JSON, not an object, or nested too deeply or too large
 */
export function parseJsonObject(bytes: Uint8Array, where: string): JsonObject {
  refuseWrongFile(bytes, where, 'JSON');
  checkStructure(bytes, where);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new InputError(`${where}: expected JSON, found ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  checkDuplicates(value, bytes, where);
  if (!isObject(value)) throw new InputError(`${where}: expected a JSON object, found ${show(value)}`);
  return value;
}

/** Refuses duplicate keys: the last would win silently, and a tensor or a setting would be lost. */
function checkDuplicates(value: unknown, bytes: Uint8Array, where: string): void {
  if (countKeys(value) === countColons(bytes)) return;
  throw new InputError(`${where}: found a key twice in one JSON object, expected each key once`);
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const values = Object.values(value);
  return values.reduce((sum, one) => sum + countKeys(one), Array.isArray(value) ? 0 : values.length);
}

/** Counts colons outside of strings: one for each key. */
function countColons(bytes: Uint8Array): number {
  const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];
  let count = 0;
  let inString = false;
  for (let k = 0; k < bytes.length; k++) {
    const byte = bytes[k]!;
    if (byte === quote) inString = !inString;
    else if (inString && byte === backslash) k++;
    else if (!inString && byte === colon) count++;
  }
  return count;
}

function checkStructure(bytes: Uint8Array, where: string): void {
  const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
  let depth = 0;
  let structure = 0;
  let inString = false;
  for (let k = 0; k < bytes.length; k++) {
    const byte = bytes[k]!;
    if (inString) {
      if (byte === backslash) k++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) {
      inString = true;
    } else if (byte === 0x5b || byte === 0x7b) {
      structure++;
      if (++depth > maxDepth) {
        throw new InputError(
          `${where}: JSON nested deeper than ${maxDepth} at byte ${k}; expected an object of plain fields`,
        );
      }
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (byte === comma) {
      structure++;
    }
  }
  if (structure > maxStructure) {
    throw new InputError(`${where}: JSON of ${structure} values; expected at most ${maxStructure}`);
  }
}
