/** Values of keywords, checked. */
import { InputError } from '../../errors.ts';
import type { Schema } from './mergeSchemas.ts';

/** @throws InputError naming the place */
export function listIn(value: unknown, where: string, mayBeEmpty = false): readonly unknown[] {
  if (Array.isArray(value) && (mayBeEmpty || value.length > 0)) return value;
  throw new InputError(
    `${where}: found ${kindOf(value)}, expected a list${mayBeEmpty ? '' : ' that is not empty'}`,
  );
}

/** @throws InputError naming the place */
export function countIn(schema: Schema, keyword: string, standard: number, where: string): number {
  const value = schema[keyword] ?? standard;
  if (value === standard || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as number;
  throw new InputError(`${where}.${keyword}: found ${kindOf(value)}, expected an integer of 0 or more`);
}

/** A value for a message. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

/** @throws InputError naming the place */
export function numberIn(schema: Schema, keyword: string, standard: number, where: string): number {
  const value = schema[keyword] ?? standard;
  if (typeof value === 'number') return value;
  throw new InputError(`${where}.${keyword}: found ${kindOf(value)}, expected a number`);
}
