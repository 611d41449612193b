/** Figures of the documents stand in the JSON files that their sections name: see figuresIn.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import exceptions from './figuresExceptions.json' with { type: 'json' };
import { figuresIn, isTraced, numbersIn, sourcesOf } from './figuresIn.ts';

const root = join(import.meta.dirname, '..');
const textOf = (document: string) => readFileSync(join(root, document), 'utf8');
/** What was measured with other software or taken from the paper. */
const others = join(root, 'results/others.json');

interface Exception {
  readonly document: string;
  /** Why these figures have no source, or how they follow from one. */
  readonly reason: string;
  readonly figures: readonly string[];
}

const known = new Map<string, readonly number[]>();
function numbersOf(file: string): readonly number[] {
  const found = known.get(file) ?? numbersIn(file);
  known.set(file, found);
  return found;
}

/** Figures without a source among `more` and the files that their section names, and that are no exception. */
function untraced(document: string, more: readonly string[], stated?: readonly number[]): string[] {
  const excused = new Set(
    (exceptions as readonly Exception[])
      .filter((one) => one.document === document)
      .flatMap(({ figures }) => figures),
  );
  return figuresIn(textOf(document))
    .filter(({ text }) => !excused.has(text))
    .filter(({ text, section }) => {
      const files = [others, ...more, ...sourcesOf(root, document, section)];
      return !isTraced(text, stated ?? files.flatMap(numbersOf));
    })
    .map(({ text, place }) => `${text} in "${place}"`);
}

describe('figures', () => {
  it('are found in prose and tables, not in code, links and headings', () => {
    const text = '# 1.1\n2.25 × `3.3` [4.5](5.6.md)\n```\n6.7\n```\n| **75,793** | 1.2.3 v1.5 | 12 | 0.95.\n';
    expect(figuresIn(text).map((one) => one.text)).toEqual(['2.25', '4.5', '75,793', '0.95']);
  });

  it('are traced to numbers that round to them, in some unit, and to no others', () => {
    expect(isTraced('3.84', [3_840_123_456])).toBe(true);
    expect(isTraced('3.84', [3_846_000_000])).toBe(false);
    expect(isTraced('34.0', [0.3402])).toBe(true);
    expect(isTraced('74,000', [73_534])).toBe(true);
    expect(isTraced('75,793', [75_794])).toBe(false);
    expect(isTraced('1.78', [])).toBe(false);
  });

  it('have the sources that their section names', () => {
    const section = '[a](cpu.md) and gpu.json, [b](study/scaling) [c](none.md)';
    const files = sourcesOf(root, 'results/README.md', section).map((file) => file.slice(root.length + 1));
    expect(files).toEqual(['results/cpu.json', 'results/study/scaling/scaling.json', 'results/gpu.json']);
  });

  it('of results/README.md stand in the JSON files that it names', () => {
    expect(untraced('results/README.md', [])).toEqual([]);
  });

  it('of README.md are those of results/README.md, or stand in the benchmark of CUDA', () => {
    const stated = figuresIn(textOf('results/README.md')).map(({ text }) => Number(text.replaceAll(',', '')));
    stated.push(...numbersOf(join(root, 'results/cuda.json')));
    expect(untraced('README.md', [], stated)).toEqual([]);
  });

  it.for(['stories', 'chat'])('of the card of %s stand in its logs and reports', (model) => {
    const files = sourcesOf(root, 'results/README.md', `[a](${model}) [b](stories/evaluation) [c](stories)`);
    expect(untraced(`models/${model}/README.md`, files)).toEqual([]);
  });

  it('are exceptions only where they are stated', () => {
    const stale = (exceptions as readonly Exception[]).flatMap(({ document, figures }) => {
      const stated = new Set(figuresIn(textOf(document)).map(({ text }) => text));
      return figures.filter((text) => !stated.has(text)).map((text) => `${document}: ${text}`);
    });
    expect(stale).toEqual([]);
  });
});
