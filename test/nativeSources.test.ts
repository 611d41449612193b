/**
 * Native kernels for processors that the test machine lacks are not compiled here, and C calls an undefined macro like a
 * function, which fails only when the library is loaded.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const folder = new URL('../native/', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const sources = readdirSync(folder);

/** The macros that a shared file lists after "The file that includes this defines". */
function macrosFor(inc: string): string[] {
  const list = /includes this defines\n((?: \* {3}.*\n)+)/.exec(textOf(inc))?.[1] ?? '';
  const columns = [...list.matchAll(/^ \* {3}(.*?)(?: {2}|$)/gm)].map((match) => match[1]!).join(', ');
  return [...columns.matchAll(/[A-Z][A-Z_]+(?=[(,\s]|$)/g)].map((match) => match[0]);
}

/** Whether a source includes a file, or a shared file that does. */
function includes(source: string, file: string): boolean {
  const text = textOf(source);
  const shared = sources.filter((name) => name.endsWith('.inc') && text.includes(`#include "${name}"`));
  return shared.some((name) => name === file || includes(name, file));
}

it.each(sources.filter((name) => name.endsWith('.inc')))('each kind of vectors defines all for %s', (inc) => {
  const macros = macrosFor(inc);
  const including = sources.filter((name) => name.endsWith('.c') && includes(name, inc));
  expect(macros, 'its list of macros').not.toEqual([]);
  expect(including.length).toBeGreaterThan(2);
  for (const name of including) {
    const defined = [...textOf(name).matchAll(/^#define (\w+)/gm)].map((match) => match[1]);
    expect([name, macros.filter((macro) => !defined.includes(macro))]).toEqual([name, []]);
  }
});
