/** Writes results/claims.md and claims.json from the results there: `npx node bench/claims/write.ts`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { claims } from './claims.ts';
import { formatClaims } from './format.ts';
import { hyperparameters } from './hyperparameters.ts';

const results = join(import.meta.dirname, '../../results');

/** The files by name. */
export function claimFiles(): Readonly<Record<'claims.json' | 'claims.md', string>> {
  const found = { claims: claims(), hyperparameters: hyperparameters() };
  return { 'claims.json': `${JSON.stringify(found, undefined, 2)}\n`, 'claims.md': formatClaims(found) };
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(claimFiles())) await writeFile(join(results, name), text);
}
