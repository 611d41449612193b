/** Tells whether a module was synthesised from the sources as they are now. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rtlFolder, rtlSources } from '../bench/bench.ts';

const texts = new Map<string, string>();
for (const path of [...rtlSources(), 'synthesis/pm_reduced_core.sv']) {
  const text = readFileSync(join(rtlFolder, path), 'utf8');
  texts.set(path.split('/').at(-1)!.replace('.sv', ''), withoutComments(text));
}

function withoutComments(text: string): string {
  return text.replace(/\/\/.*/g, '').replace(/\s+/g, ' ');
}

/** Of a module's source, less comments, and of all that it names: modules, packages, tables. */
export function sourcesDigest(module: string): string {
  const reached = new Set<string>();
  const visit = (name: string) => {
    const text = texts.get(name);
    if (text === undefined || reached.has(name)) return;
    reached.add(name);
    for (const [word] of text.matchAll(/\bpm_\w+/g)) visit(word);
  };
  visit(module);
  const hash = createHash('sha256');
  for (const name of [...reached].sort()) hash.update(texts.get(name)!);
  for (const name of tablesOf([...reached])) hash.update(readFileSync(join(rtlFolder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Files that `$readmemh` reads in these modules. */
function tablesOf(modules: readonly string[]): string[] {
  const names = modules.flatMap((name) => [...texts.get(name)!.matchAll(/"(generated\/[\w.]+)"/g)]);
  return [...new Set(names.map(([, path]) => path!))].sort();
}
