/**
 * The figures that a document states, and where they stand. A figure is a number with a decimal point or a comma for
 * thousands, in prose or tables; code, links and headings do not count. A section (from a heading to the next) names its
 * sources by linking to them, or by their file names: a JSON file, a Markdown file or figure with a JSON file beside it, a
 * folder of JSON files and logs. A figure is traced if a number of a source, in some unit, rounds to it.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, normalize } from 'node:path';

export interface StatedFigure {
  readonly text: string;
  /** Around it, for people. */
  readonly place: string;
  /** Its section's Markdown. */
  readonly section: string;
}

const figure = /(?<![\w.,/§-])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w]|\.\d)/g;

export function figuresIn(markdown: string): StatedFigure[] {
  return markdown
    .replace(/^```[\s\S]*?^```/gm, '')
    .split(/^(?=#+ )/m)
    .flatMap((section) => {
      const prose = section
        .replace(/`[^`\n]*`/g, '')
        .replace(/\]\([^)]*\)/g, ']')
        .replace(/^#.*$/gm, '');
      return [...prose.matchAll(figure)].map((match) => ({
        text: match[0],
        place: prose.slice(Math.max(0, match.index - 40), match.index + 30).replaceAll('\n', ' '),
        section,
      }));
    });
}

/** The files whose numbers a section may state. */
export function sourcesOf(root: string, document: string, section: string): string[] {
  const links = [
    ...section.matchAll(/\]\(([^)#\s]+)\)/g),
    ...section.matchAll(/(?<!\/)\b([\w.-]+\.json)\b/g),
  ];
  return [
    ...new Set(links.flatMap(([, target]) => filesOf(normalize(join(root, dirname(document), target!))))),
  ];
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isDirectory()) {
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.jsonl?$/.test(name))
      .map((name) => join(path, name));
  }
  const beside = `${path.slice(0, -extname(path).length)}.json`;
  return path.endsWith('.json') ? [path] : existsSync(beside) ? [beside] : [];
}

/** Every number of a JSON file or log, those within its texts too. */
export function numbersIn(file: string): number[] {
  const text = readFileSync(file, 'utf8');
  const values: unknown = file.endsWith('.jsonl')
    ? text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown)
    : JSON.parse(text);
  const found: number[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'number') found.push(value);
    else if (typeof value === 'string')
      for (const [number] of value.matchAll(/\d[\d,]*(?:\.\d+)?/g)) found.push(numberOf(number));
    else if (typeof value === 'object' && value !== null) {
      found.push(...ratesOf(value));
      for (const one of Object.values(value)) collect(one);
    }
  };
  collect(values);
  return found;
}

/** A step's tokens, or the one of a decoded token, each second: files hold its milliseconds. */
function ratesOf(
  entry: Readonly<{ milliseconds?: unknown; millisecondsMedian?: unknown; tokens?: unknown }>,
): number[] {
  const { milliseconds = entry.millisecondsMedian, tokens = 1 } = entry;
  return typeof milliseconds === 'number' && typeof tokens === 'number'
    ? [(1000 * tokens) / milliseconds]
    : [];
}

function numberOf(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** Thousands, percent, binary units of bytes, seconds and minutes. */
const units = [
  ...[-12, -9, -6, -3, 0, 3, 6, 9, 12].map((power) => 10 ** power),
  ...[100, 2 ** -30, 2 ** -20, 1 / 60],
];

/** Whether a number, in some unit, rounds to a figure. Zeros at the end of a whole figure may be rounded. */
export function isTraced(text: string, numbers: readonly number[]): boolean {
  const value = numberOf(text);
  const decimals = text.split('.')[1]?.length ?? 0;
  const digit = decimals > 0 ? 10 ** -decimals : trailingUnit(value);
  return numbers.some((number) =>
    units.some((unit) => Math.abs(Math.abs(number) * unit - value) <= 0.5001 * digit),
  );
}

/** 1,000 of 74,000; 1 of 75,793. */
function trailingUnit(value: number): number {
  let unit = 1;
  while (value !== 0 && value % (10 * unit) === 0) unit *= 10;
  return unit;
}
