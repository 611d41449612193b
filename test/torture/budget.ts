/**
 * How long the torture suite runs, from which seed, and where its counts go:
 *
 *   TORTURE_MINUTES   of the whole suite, default 2
 *   TORTURE_SEED      default: the time, printed
 *   TORTURE_OUT       a JSON file for the counts, e.g. results/torture.json; default: none
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

export const minutes = Number(process.env.TORTURE_MINUTES ?? 2);
export const seed = Number(process.env.TORTURE_SEED ?? Date.now() % 2 ** 31);

console.log(`torture: ${minutes} minutes, TORTURE_SEED=${seed}`);

/** Milliseconds for a share of the budget. */
export function budget(share: number): number {
  return 60_000 * minutes * share;
}

/** Adds counts to those of the other parts of the same commit. */
export function record(part: string, counts: object): void {
  console.log(`torture: ${part}: ${JSON.stringify(counts)}`);
  const file = process.env.TORTURE_OUT;
  if (!file) return;
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const earlier = readEarlier(file);
  const kept = earlier.commit === commit ? earlier : {};
  writeFileSync(
    file,
    `${JSON.stringify({ ...kept, commit, seed, minutes, [part]: counts }, undefined, 2)}\n`,
  );
}

function readEarlier(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
