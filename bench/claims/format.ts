/** The page of claims as Markdown. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from './claim.ts';
import type { Hyperparameters } from './hyperparameters.ts';

const results = join(import.meta.dirname, '../../results');

export function formatClaims({
  claims,
  hyperparameters,
}: {
  readonly claims: readonly Claim[];
  readonly hyperparameters: readonly Hyperparameters[];
}): string {
  return [
    "# The paper's claims, one by one",
    'Written by `npx node bench/claims/write.ts` from the JSON files of this folder; a test fails if this page says anything ' +
      'else than they do. [claims.json](claims.json) has the same for programs. A verdict is one of: holds, partly, not, undecided. Intervals are of 95 % over seeds ' +
      'unless they say otherwise.',
    table(
      ['claim', 'verdict', 'effect', 'runs', 'scale', 'command', 'results'],
      claims.map(({ claim, verdict, effect, count, scale, command, source }) => [
        ...[claim, `**${verdict}**`, effect, count, scale],
        `\`${command}\``,
        source
          .split(', ')
          .map((one) => (existsSync(join(results, one)) ? `[${one}](${one})` : ''))
          .join(', '),
      ]),
    ),
    '`CORPUS` and `DATA` are folders of texts and of evaluation sets; [docs/evaluation.md](../docs/evaluation.md) says where the ' +
      'sets come from.',
    '## Hyperparameters',
    table(
      ['', 'learning rate', 'schedule', 'warm-up', 'batch', 'tokens', 'weight decay'],
      hyperparameters.map((one) => [
        ...[one.what, one.learningRate, one.schedule, one.warmup],
        ...[one.batch, one.tokens, one.weightDecay],
      ]),
    ),
    'All: AdamW, β = 0.9 and 0.95, gradients clipped to a norm of 1. `matmulfree` is a cosine to zero, halved midway.',
  ]
    .join('\n\n')
    .concat('\n');
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}
