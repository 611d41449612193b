/** Checks of what callers give whom no types hold: each names what is wrong, what was found and what was expected. */
import { InputError } from './errors.ts';

/** @throws InputError unless it is an object: not null, not a list */
export function expectObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || isList(value)) refuse(name, value, 'an object');
}

/** @throws InputError unless it is an array or a typed array */
export function expectList(name: string, value: unknown, of: string): void {
  if (!isList(value)) refuse(name, value, `a list of ${of}`);
}

/** @throws InputError unless it is a text */
export function expectText(name: string, value: unknown): void {
  if (typeof value !== 'string') refuse(name, value, 'a text');
}

/** @throws InputError for what is given and is not a function, by name */
export function expectFunctions(functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions))
    if (value !== undefined && typeof value !== 'function') refuse(name, value, 'a function');
}

/** @throws InputError for what is given and is not an AbortSignal, of this or of another realm */
export function expectSignal(value: unknown): void {
  const isSignal =
    typeof value === 'object' && value !== null && 'aborted' in value && 'throwIfAborted' in value;
  if (value !== undefined && !isSignal) refuse('signal', value, 'an AbortSignal');
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function refuse(name: string, value: unknown, expected: string): never {
  const found = value === null ? 'null' : isList(value) ? 'a list' : typeof value;
  throw new InputError(`${name}: found ${found}, expected ${expected}`);
}
