/**
 * A link that writes the same text elsewhere: `#write?text=…&seed=…&freedom=…&tokens=…&model=…&check=…`. `check` is a hash
 * of what was written, so that the page of whoever opens the link can say whether its device wrote the same.
 */
import { limits } from './parts/samplingControls.tsx';

export interface WriteLink {
  readonly text: string;
  readonly seed: number;
  readonly freedom: number;
  readonly tokens: number;
  /** The fingerprint of the model. */
  readonly model: number;
  readonly check: string;
}

const page = '#write';

export function hashOfLink(link: WriteLink): string {
  return `${page}?${new URLSearchParams(Object.entries(link).map(([name, value]) => [name, String(value)]))}`;
}

/** @returns undefined if the address is no such link */
export function linkIn(hash: string): WriteLink | undefined {
  const values = new URLSearchParams(hash.split('?')[1] ?? '');
  const [text, check] = [values.get('text'), values.get('check')];
  const numbers = ['seed', 'freedom', 'tokens', 'model'].map((name) =>
    Number(values.get(name) ?? Number.NaN),
  );
  if (!hash.startsWith(`${page}?`) || text === null || check === null) return undefined;
  const [seed, freedom, tokens, model] = numbers as [number, number, number, number];
  // What the page itself could have written.
  if (![seed, tokens, model].every((value) => Number.isSafeInteger(value) && value >= 0)) return undefined;
  if (!(freedom >= 0 && freedom <= limits.temperature && tokens <= limits.maxTokens)) return undefined;
  return { text, seed, freedom, tokens, model, check };
}

/** FNV-1a of the text, which is enough to notice a difference. */
export function checkOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(36);
}
