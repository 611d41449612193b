/** Reads fields of data rows; errors name the row, the field, the value found and the value expected. */

import { InputError } from '../errors.ts';
import { isObject, show } from '../json.ts';
import type { Item, Request, Row } from './task.ts';

export function refuse({ where }: Row, field: string, found: unknown, expected: string): never {
  throw new InputError(`${where}: ${field}: found ${show(found)}, expected ${expected}`);
}

export function textField(row: Row, field: string): string {
  const value = row.fields[field];
  return typeof value === 'string' ? value : refuse(row, field, value, 'a text');
}

export function textList(row: Row, field: string, value: unknown = row.fields[field]): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return refuse(row, field, value, 'a list of texts');
  const wrong = value.findIndex((entry) => typeof entry !== 'string');
  return wrong < 0 ? value : refuse(row, `${field}[${wrong}]`, value[wrong], 'a text');
}

/** Reads the index of a choice, given as a number or in digits. */
export function labelField(row: Row, field: string, choices: number): number {
  const found = row.fields[field];
  // Parquet's 64-bit integers come as BigInt.
  const label = typeof found === 'string' && /^\d{1,9}$/.test(found) ? Number(found) : found;
  const index = typeof label === 'bigint' ? Number(label) : label;
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < choices) return index;
  const shown = typeof found === 'bigint' ? String(found) : found;
  return refuse(row, field, shown, `a choice from 0 to ${choices - 1}`);
}

export interface LabelledChoices {
  readonly texts: readonly string[];
  readonly gold: number;
}

/**
 * Reads labelled choices and the label of the right one: `choices: {text: […], label: […]}` as on the Hub, or
 * `choices: [{text, label}…]` as the authors published it, with `answerKey`; or plain `choices: […]` with `gold`, an
 * index.
 */
export function labelledChoices(row: Row, choices: unknown = row.fields.choices): LabelledChoices {
  if (Array.isArray(choices) && choices.length > 0 && choices.every(isObject)) {
    const column = (name: string) => choices.map((choice) => choice[name]);
    return named(
      row,
      textList(row, 'choices.text', column('text')),
      textList(row, 'choices.label', column('label')),
    );
  }
  if (isObject(choices)) {
    return named(
      row,
      textList(row, 'choices.text', choices.text),
      textList(row, 'choices.label', choices.label),
    );
  }
  const texts = textList(row, 'choices', choices);
  return { texts, gold: labelField(row, 'gold', texts.length) };
}

function named(row: Row, texts: readonly string[], labels: readonly string[]): LabelledChoices {
  if (labels.length !== texts.length) {
    return refuse(row, 'choices.label', labels, `as many as there are texts, ${texts.length}`);
  }
  const gold = labels.indexOf(textField(row, 'answerKey').trimStart());
  if (gold < 0) refuse(row, 'answerKey', row.fields.answerKey, `one of ${labels.join(', ')}`);
  return { texts, gold };
}

/** Makes an item of a question with its choices as continuations. */
export function choiceItem({ where }: Row, context: string, { texts, gold }: LabelledChoices): Item {
  const requests: Request[] = texts.map((text) => ({ context, continuation: ` ${text}` }));
  return { where, requests, gold, lengths: texts.map(characters) };
}

/** Counts Unicode characters, not UTF-16 units, as the harness does in Python. */
function characters(text: string): number {
  return [...text].length;
}
