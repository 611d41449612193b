/**
 * How the bundled model and the Transformer++ beside it learned: `npx node recipes/stories/beside.ts RESULTS` draws
 * RESULTS/beside.svg, the bits a byte of both held-out texts, from the logs of RESULTS/base and RESULTS/llama.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as Plot from '@observablehq/plot';
import { reportFailure } from '../../src/cli/failure.ts';
import { InputError } from '../../src/errors.ts';
import { labelPlaces } from '../../src/figures/labels.ts';
import { renderFigure } from '../../src/figures/svg.ts';
import { type LogLine, readLog } from '../../src/train/log.ts';

const models = [
  { folder: 'base', label: 'MatMul-free', color: '#2166ac' },
  { folder: 'llama', label: 'Transformer++', color: '#d95f02' },
];
const texts = [
  { set: 'valid.stories', label: 'books', dashed: false },
  { set: 'valid.tinystories', label: 'short stories', dashed: true },
];

interface Point {
  readonly tokens: number;
  readonly bits: number;
}

/** What a log says of a text, but for the start, which is far above everything else. */
function pointsOf(lines: readonly LogLine[], set: string): Point[] {
  const tokens = new Map(lines.flatMap((line) => (line.event === 'step' ? [[line.step, line.tokens]] : [])));
  return lines.flatMap((line) =>
    line.event === 'validation' && line.set === set && line.step > 0
      ? [{ tokens: tokens.get(line.step)! / 1e6, bits: line.bitsPerByte }]
      : [],
  );
}

/** @param logs of each of `models`, in their order */
export function besideFigure(logs: readonly (readonly LogLine[])[]): string {
  const curves = models.flatMap((model, k) =>
    texts.map((text) => ({
      ...{ label: `${model.label}, ${text.label}`, color: model.color, dashed: text.dashed },
      points: pointsOf(logs[k]!, text.set),
    })),
  );
  const missing = curves.find(({ points }) => points.length === 0);
  if (missing)
    throw new InputError(`${missing.label}: found no validation, expected the log of a finished run`);
  const all = curves.flatMap(({ points }) => points.map(({ bits }) => bits));
  const ends = curves.map(({ points }) => points.at(-1)!.bits);
  const places = labelPlaces(ends, all);
  return renderFigure({
    title: 'Held-out text while training',
    legend: curves.map(({ label, color, dashed }) => ({ label, color, dashed, strokeWidth: 2 })),
    verticalAxis: 'bits a byte',
    plot: {
      marginLeft: 56,
      marginRight: 64,
      x: { label: 'millions of tokens', labelArrow: 'right', labelAnchor: 'center', nice: false },
      y: { label: null, grid: true, nice: true },
      marks: curves.flatMap(({ points, color, dashed }, k) => [
        Plot.lineY(points, {
          ...{ x: 'tokens', y: 'bits', stroke: color, strokeWidth: 2 },
          ...(dashed ? { strokeDasharray: '5,4' } : {}),
        }),
        Plot.text(points.slice(-1), {
          ...{ x: 'tokens', y: () => places[k], text: ({ bits }: Point) => bits.toFixed(3) },
          ...{ dx: 8, textAnchor: 'start', fill: color, fontWeight: 600 },
        }),
      ]),
    },
  });
}

async function main([results, ...others]: readonly string[]): Promise<void> {
  if (!results || others.length > 0) {
    console.error('Usage: npx node recipes/stories/beside.ts RESULTS');
    process.exitCode = 1;
    return;
  }
  const logs = await Promise.all(models.map(({ folder }) => readLog(join(results, folder, 'log.jsonl'))));
  const path = join(results, 'beside.svg');
  await writeFile(path, besideFigure(logs));
  console.error(path);
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
