/** Where the reader is in the tour, and the same as an address: `#inside?text=…&layer=3&step=5`. */
import { effect, signal } from '@preact/signals';

export const stepNames = [
  'Token',
  'Numbers',
  'Integers',
  'One row',
  'Scale',
  'Gate',
  'Unit',
  'Next token',
] as const;

export const rowStep = 3;

export interface Place {
  readonly text: string;
  /** All counted from 0 here, and from 1 in the address. */
  readonly layer: number;
  readonly row: number;
  readonly step: number;
  /** Only the tour, for a frame in another page. */
  readonly embed: boolean;
  /** For a projector. */
  readonly large: boolean;
}

const page = '#inside';

export function placeOf(hash: string): Place {
  const values = new URLSearchParams(hash.split('?')[1] ?? '');
  const counted = (name: string, otherwise: number, max: number) => {
    const value = Number(values.get(name) ?? otherwise);
    return Number.isInteger(value) && value >= 1 ? Math.min(value, max) - 1 : otherwise - 1;
  };
  return {
    text: values.get('text') || 'The cat sat on the',
    layer: counted('layer', 1, 1000),
    row: counted('row', 1, 1e6),
    step: counted('step', 1, stepNames.length),
    embed: values.has('embed'),
    large: values.has('large'),
  };
}

export function hashOf({ text, layer, row, step, embed, large }: Place): string {
  const values = new URLSearchParams({ text, layer: String(layer + 1), step: String(step + 1) });
  if (row > 0) values.set('row', String(row + 1));
  if (embed) values.set('embed', '1');
  if (large) values.set('large', '1');
  return `${page}?${values}`;
}

export const place = signal(placeOf(location.hash));

export function move(change: Partial<Place>): void {
  place.value = { ...place.value, ...change };
  // The address follows the reader, without a page in the history for each step.
  history.replaceState(history.state, '', hashOf(place.value));
}

addEventListener('hashchange', () => {
  if (location.hash.startsWith(`${page}?`)) place.value = placeOf(location.hash);
});

effect(() => {
  document.documentElement.classList.toggle('large', place.value.large);
});
