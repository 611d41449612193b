/** Converts the sources that `LanguageModel.load` accepts to the name or folder that the rest of the library reads. */
import { InputError } from '../errors.ts';
import { isFirstGguf } from '../platform/ggufPaths.ts';
import { type FileContent, giveFiles } from '../platform/givenFiles.ts';

/**
 * A model folder's files, or a GGUF file: `File`s, as an `<input type="file" multiple webkitdirectory>` or a drop gives
 * them, or contents by name, such as `{ 'config.json': bytes, 'model.safetensors': blob, 'tokenizer.json': bytes }`.
 */
export type ModelFiles = Iterable<File> | Readonly<Record<string, FileContent>>;

/** A folder, a Hub name, an address, `plusminus/stories` or `plusminus/chat`, or the files themselves. */
export type ModelSource = string | URL | ModelFiles;

const expected =
  'expected a model folder, a Hub name, an address (text or URL), a list of File objects, or contents by name: ' +
  "{ 'config.json': …, 'model.safetensors': …, 'tokenizer.json': … } or { 'model.gguf': … }";

/** A name for the source, valid until `release` is called. @throws InputError if it is nothing that can be loaded */
export function openSource(source: ModelSource): { readonly name: string; readonly release: () => void } {
  if (typeof source === 'string') return { name: fromFileAddress(source), release() {} };
  if (source instanceof URL) return { name: fromFileAddress(source.href), release() {} };
  const files = filesOf(source);
  const { folder, remove } = giveFiles(files);
  const gguf = files.has('config.json') ? undefined : firstGguf(files.keys());
  return { name: gguf === undefined ? folder : `${folder}/${gguf}`, release: remove };
}

/** The GGUF file, or the first part of a split one. */
function firstGguf(names: Iterable<string>): string | undefined {
  return [...names].find(isFirstGguf);
}

function filesOf(source: ModelFiles): ReadonlyMap<string, FileContent> {
  // Never print the source: it may hold hundreds of megabytes.
  if (typeof source !== 'object' || source === null)
    throw new InputError(`model: found ${source}, ${expected}`);
  if (isContent(source) || source instanceof ArrayBuffer) {
    throw new InputError(`model: found the content of one file, ${expected}`);
  }
  const entries =
    Symbol.iterator in source
      ? [...source].map((file): [string, unknown] => [(file as Partial<File>)?.name ?? '', file])
      : Object.entries(source);
  const files = new Map<string, FileContent>();
  for (const [name, content] of entries) {
    if (name === '' || !isContent(content)) {
      throw new InputError(
        `model: "${name}": found ${kindOf(content)}, expected a File, a Blob or a Uint8Array`,
      );
    }
    files.set(name, content);
  }
  if (!files.has('config.json') && firstGguf(files.keys()) === undefined) {
    throw new InputError(`model: found the files ${[...files.keys()].join(', ') || '(none)'}, ${expected}`);
  }
  return files;
}

function isContent(value: unknown): value is FileContent {
  return value instanceof Uint8Array || (typeof Blob === 'function' && value instanceof Blob);
}

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? (value.constructor?.name ?? 'an object')
    : typeof value;
}

/** `file:` addresses become paths; other names stay. */
function fromFileAddress(source: string): string {
  if (!/^file:\/\//i.test(source)) return source;
  const path = decodeURIComponent(new URL(source).pathname).replace(/\/$/, '');
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path; // file:///C:/models
}
