/** Links of the documents lead to files, folders and headings that exist, and README's tree is that on disk. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '..');
const skipped = new Set(['node_modules', 'build', 'dist', 'lib', 'runs', 'fixtures']);

const documents = markdownIn(repository).map((path) => relative(repository, path));
const textOf = (document: string) => readFileSync(join(repository, document), 'utf8');

function markdownIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return skipped.has(entry.name) || entry.name.startsWith('.') ? [] : markdownIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

/** Targets of links and images, but for addresses on the web. */
function linksIn(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that GitHub gives to the headings of a document, and those that it sets itself. */
function anchorsIn(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm);
  const own = [...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1]!);
  const given = [...headings].map(([, heading]) =>
    heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...given, ...own];
}

/** What is wrong with a link. */
function problemOf(document: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? document : join(dirname(document), path);
  const found = statSync(join(repository, file), { throwIfNoEntry: false });
  if (!found) return `${document}: ${target}: found no ${file}`;
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return anchorsIn(textOf(file)).includes(anchor)
    ? undefined
    : `${document}: ${target}: found no such heading`;
}

describe('links', () => {
  it('are found in documents', () => {
    expect(linksIn('[a](b.md#c) `[d](e)` ![f](g.svg) [h](https://i)')).toEqual(['b.md#c', 'g.svg']);
    expect(anchorsIn('# A [b](c), `d`\n## E: f\n<a id="g">')).toEqual(['a-b-d', 'e-f', 'g']);
    expect(problemOf('README.md', 'docs/none.md')).toBe('README.md: docs/none.md: found no docs/none.md');
    expect(problemOf('README.md', 'CONTRIBUTING.md#none')).toMatch(/no such heading/);
    expect(documents).toContain('docs/decisions/README.md');
  });

  it.each(documents)('of %s lead somewhere', (document) => {
    const problems = linksIn(textOf(document)).map((target) => problemOf(document, target));
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
  });
});

describe('the tree of README', () => {
  const tree = [...textOf('README.md').matchAll(/^((?:[a-zA-Z]+\/)+(?:<op>\/)?) {2,}\S/gm)].map((match) =>
    match[1]!.replace('<op>/', ''),
  );
  const foldersOf = (path: string) =>
    readdirSync(join(repository, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !skipped.has(entry.name))
      .map(({ name }) => `${path}${name}/`);

  it('has every folder of the repository and of src, and no other', () => {
    const folders = [...foldersOf('').filter((folder) => folder !== 'src/'), ...foldersOf('src/')];
    expect([...tree].sort()).toEqual(folders.sort());
  });
});

describe('decisions', () => {
  it('are all listed, in order', () => {
    const pages = readdirSync(join(repository, 'docs/decisions')).filter((name) => /^\d/.test(name));
    const listed = linksIn(textOf('docs/decisions/README.md'));
    expect(listed).toEqual(pages.sort());
  });
});
