/** The rules of the house, each a function from sources to complaints. */
import type { Source } from './sources.ts';

/** Rooms of src/ from the lowest layer to the highest: a file imports from its own layer and from lower ones. */
export type Layers = readonly (readonly string[])[];

/** The folder of src/ that a file is in; files in src/ itself are named one by one. */
function roomOf(path: string): string | undefined {
  const [top, room] = path.split('/');
  return top === 'src' ? room : undefined;
}

/** @param exceptions `from → to` of single imports, with the reason */
export function checkLayers(
  sources: readonly Source[],
  layers: Layers,
  exceptions: Readonly<Record<string, string>> = {},
): string[] {
  const rank = new Map(layers.flatMap((rooms, index) => rooms.map((room) => [room, index] as const)));
  return sources.filter(isProduct).flatMap(({ path, imports }) => {
    const own = roomOf(path) ?? '';
    if (!rank.has(own)) return [`${path}: the room ${own} stands in no layer`];
    return imports.flatMap(({ path: target }) => {
      const other = roomOf(target);
      if (exceptions[`${path} → ${target}`]) return [];
      if (other === undefined) return [`${path} imports ${target}, which is outside src/`];
      const isDown = (rank.get(other) ?? Number.POSITIVE_INFINITY) <= (rank.get(own) ?? 0);
      return isDown ? [] : [`${path} imports ${target}: ${own} is below ${other}`];
    });
  });
}

/** Files that load one another in a circle. Types may refer in circles: they load nothing. */
export function checkCircles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter(({ typeOnly }) => !typeOnly).map((one) => one.path),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return circles;
}

/**
 * Functions, classes and constants that are exported and that no other file imports. What an entry point exports is for
 * users; types are exported for those who want to name what a function takes or returns.
 */
export function checkDeadExports(sources: readonly Source[], entries: readonly string[]): string[] {
  const used = new Set<string>();
  for (const { imports } of sources) {
    for (const { path, names } of imports) for (const name of names) used.add(`${path} ${name}`);
  }
  return sources
    .filter((source) => isProduct(source) && !entries.includes(source.path))
    .flatMap(({ path, exports }) =>
      exports
        .filter((name) => !used.has(`${path} ${name}`) && !used.has(`${path} *`))
        .map((name) => `${path}: nobody imports ${name}`),
    );
}

/** Files of src/ that no entry point reaches without tests. */
export function checkUnreachable(sources: readonly Source[], entries: readonly string[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const one of byPath.get(path)?.imports ?? []) visit(one.path);
  };
  for (const entry of entries) visit(entry);
  return sources
    .filter((source) => isProduct(source) && !reached.has(source.path))
    .map(({ path }) => `${path}: no entry point reaches it`);
}

export interface Lengths {
  readonly file: number;
  readonly function: number;
  /** `path` or `path name` → the reason why it is longer. */
  readonly exceptions: Readonly<Record<string, string>>;
}

export function checkLengths(sources: readonly Source[], limits: Lengths): string[] {
  const complaints = sources.flatMap(({ path, lines, functions }) => [
    ...(lines > limits.file ? [[path, `${path} has ${lines} lines, expected at most ${limits.file}`]] : []),
    ...functions
      .filter((one) => one.lines > limits.function)
      .map(({ name, lines: count }) => [
        `${path} ${name}`,
        `${path}: ${name} has ${count} lines, expected at most ${limits.function}`,
      ]),
  ]) as [string, string][];
  const found = new Set(complaints.map(([key]) => key));
  const stale = Object.keys(limits.exceptions).filter((key) => !found.has(key));
  return [
    ...complaints.filter(([key]) => !limits.exceptions[key]).map(([, complaint]) => complaint),
    ...stale.map((key) => `${key}: no longer too long; remove the exception`),
  ];
}

/** Words that the glossary in CONTRIBUTING.md replaces, and what to write. */
const replaced: readonly (readonly [RegExp, string])[] = [
  [/\b(?!leastSquares\b)(?:most|least)[A-Z]\w*/, 'max… or min…'],
  [/\bforet(?:ell|old)\w*/i, 'predict'],
  [/\b(?:boxed\b|models? in the box\b)/i, 'bundled'],
  [/\bgo(?:es)? on\b/, 'continue'],
  [/\banew\b/, 'again'],
  [/\bseldom\b/, 'rarely'],
  [/\bfor ever\b/, 'forever'],
  [/\bby heart\b/, 'memorise'],
];

/** @param texts by path, from the root */
export function checkWords(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, at) =>
      replaced.flatMap(([word, better]) => {
        const [found] = word.exec(line) ?? [];
        return found === undefined ? [] : [`${path}:${at + 1}: found ${found}, expected ${better}`];
      }),
    ),
  );
}

function isProduct({ path }: Source): boolean {
  return path.startsWith('src/') && !/\.test\.ts$|\.ranks\.ts$|testing\.ts$/.test(path);
}
