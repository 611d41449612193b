/**
 * Writes results/accelerator.md again from results/accelerator.json and rtl.json, without simulating: after a synthesis, or where
 * words changed. `npx node bench/acceleratorPage.ts`.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../src/accelerator/report.ts';
import { readRtlReport } from '../src/accelerator/resources.ts';
import { reportFiles } from '../src/cli/accelerator/reportFiles.ts';

const base = join(import.meta.dirname, '../results/accelerator');

/** What `plusminus accelerator report` simulated last. */
export function recordedReport(): Report {
  return JSON.parse(readFileSync(`${base}.json`, 'utf8')) as Report;
}

/** The page and its figure, by path. */
export async function recordedPage(): Promise<Readonly<Record<string, string>>> {
  return reportFiles(base, recordedReport(), await readRtlReport(join(base, '../rtl.json')));
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(await recordedPage())) await writeFile(path, text);
}
