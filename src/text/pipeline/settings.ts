/** The settings of one pipeline step in `tokenizer.json`, read with errors that name the field. */
import { InputError } from '../../errors.ts';
import { type Component, describe, isObject } from '../tokenizerJson.ts';

/** Real pipelines have fewer than ten steps. */
const MAX_STEPS = 64;
/** Longer texts in settings are attacks: real ones are patterns of a few hundred characters. */
export const MAX_SETTING_CHARACTERS = 4096;

export class Settings {
  readonly type: string;
  /** The path of the step, such as `tokenizer.json: pre_tokenizer.pretokenizers[1]`. */
  readonly where: string;
  readonly #component: Component;

  constructor(component: unknown, where: string) {
    if (!isObject(component) || typeof component.type !== 'string')
      throw new InputError(`${where}: found ${describe(component)}, expected an object with a "type"`);
    this.#component = component as Component;
    this.type = component.type;
    this.where = where;
  }

  get(name: string): unknown {
    return this.#component[name];
  }

  boolean(name: string, absent: boolean): boolean {
    const value = this.get(name) ?? absent;
    if (typeof value !== 'boolean') throw this.error(name, 'true or false');
    return value;
  }

  text(name: string, absent?: string): string {
    const value = this.get(name) ?? absent;
    if (typeof value !== 'string' || value.length > MAX_SETTING_CHARACTERS)
      throw this.error(name, `a text of at most ${MAX_SETTING_CHARACTERS} characters`);
    return value;
  }

  integer(name: string, min: number, max: number, absent?: number): number {
    const value = this.get(name) ?? absent;
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
      throw this.error(name, `an integer from ${min} to ${max}`);
    return value as number;
  }

  choice<T extends string>(name: string, choices: readonly T[], absent?: T): T {
    const value = this.get(name) ?? absent;
    if (!choices.includes(value as T)) throw this.error(name, choices.join(', '));
    return value as T;
  }

  list(name: string): unknown[] {
    const value = this.get(name);
    if (!Array.isArray(value)) throw this.error(name, 'a list');
    return value;
  }

  error(name: string, expected: string): InputError {
    return new InputError(`${this.where}.${name}: found ${describe(this.get(name))}, expected ${expected}`);
  }

  unknownType(known: string): InputError {
    return new InputError(`${this.where}.type: found ${describe(this.type)}, expected ${known}`);
  }
}

/**
 * The steps of a component, with those of nested sequences in place of the sequence.
 * @param listName the field that holds a sequence's steps
 */
export function stepsOf(component: Component | null, listName: string, where: string): Settings[] {
  if (component === null) return [];
  const steps: Settings[] = [];
  const waiting = [{ step: component as unknown, where }];
  for (let seen = 0; waiting.length > 0; seen++) {
    if (seen >= MAX_STEPS || waiting.length > MAX_STEPS)
      throw new InputError(`${where}: found more than ${MAX_STEPS} steps, expected at most ${MAX_STEPS}`);
    const next = waiting.shift()!;
    const settings = new Settings(next.step, next.where);
    if (settings.type !== 'Sequence') {
      steps.push(settings);
      continue;
    }
    const inner = settings.list(listName).slice(0, MAX_STEPS + 1);
    waiting.unshift(...inner.map((step, index) => ({ step, where: `${next.where}.${listName}[${index}]` })));
  }
  return steps;
}
