/** Post-processors of `tokenizer.json`: the tokens that they put before and after a text. */
import { type Component, describe, isObject } from '../tokenizerJson.ts';
import { type Settings, stepsOf } from './settings.ts';

export interface Surroundings {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const MAX_ADDED = 64;

export function surroundingsOf(component: Component | null, where: string): Surroundings {
  return stepsOf(component, 'processors', where)
    .map(surroundingsOfStep)
    .reduce(
      (inner, outer) => ({
        before: [...outer.before, ...inner.before],
        after: [...inner.after, ...outer.after],
      }),
      { before: [], after: [] },
    );
}

function surroundingsOfStep(settings: Settings): Surroundings {
  switch (settings.type) {
    case 'ByteLevel':
      return { before: [], after: [] };
    case 'TemplateProcessing':
      return templateSurroundings(settings);
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [pairId(settings, 'cls')], after: [pairId(settings, 'sep')] };
    default:
      throw settings.unknownType(
        'Sequence, ByteLevel, TemplateProcessing, BertProcessing or RobertaProcessing',
      );
  }
}

/** `["[CLS]", 101]` */
function pairId(settings: Settings, name: string): number {
  const pair = settings.get(name);
  const id: unknown = Array.isArray(pair) ? pair[1] : undefined;
  if (!isTokenId(id)) throw settings.error(name, '[token, id]');
  return id;
}

function templateSurroundings(settings: Settings): Surroundings {
  const pieces = settings.list('single');
  const at = pieces.findIndex(
    (piece) => isObject(piece) && isObject(piece.Sequence) && piece.Sequence.id === 'A',
  );
  if (at < 0 || pieces.length > MAX_ADDED)
    throw settings.error('single', `a list of at most ${MAX_ADDED} pieces, one of which is the sequence A`);
  const ids = (list: unknown[]) => list.flatMap((piece) => specialIds(settings, piece));
  return { before: ids(pieces.slice(0, at)), after: ids(pieces.slice(at + 1)) };
}

function specialIds(settings: Settings, piece: unknown): number[] {
  const name = isObject(piece) && isObject(piece.SpecialToken) ? piece.SpecialToken.id : undefined;
  const known = settings.get('special_tokens');
  const entry =
    typeof name === 'string' && isObject(known) && Object.hasOwn(known, name) ? known[name] : undefined;
  const ids = isObject(entry) ? entry.ids : undefined;
  if (!Array.isArray(ids) || ids.length > MAX_ADDED || !ids.every(isTokenId))
    throw settings.error('special_tokens', `the ids of the token ${describe(name)} of "single"`);
  return ids;
}

function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
