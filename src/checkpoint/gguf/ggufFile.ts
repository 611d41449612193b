/** An open GGUF model: one file, or the parts that it was split into. */
import { openFile, type ReadableFile } from '#platform';
import { InputError } from '../../errors.ts';
import { readFully } from '../../files.ts';
import { show } from '../../json.ts';
import { ggufParts } from '../../platform/ggufPaths.ts';
import { freeMemory, Scratch } from '../scratch.ts';
import { type GgufHeader, type GgufTensor, readHeader } from './header.ts';
import type { Metadata } from './metadata.ts';

const maxParts = 1000;

interface Part extends GgufHeader {
  readonly path: string;
  readonly file: ReadableFile;
}

export class GgufFile {
  readonly path: string;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** For rows as they are stored, in another order, and what is made of them. */
  readonly scratch = { stored: new Scratch(), ordered: new Scratch(), made: new Scratch() };
  readonly #parts: readonly Part[];
  readonly #partOf = new Map<string, Part>();

  private constructor(parts: readonly Part[]) {
    this.path = parts[0]!.path;
    this.metadata = parts[0]!.metadata;
    this.#parts = parts;
    const tensors = new Map<string, GgufTensor>();
    for (const part of parts) {
      for (const [name, tensor] of part.tensors) {
        const other = this.#partOf.get(name);
        if (other)
          throw new InputError(
            `${part.path}: tensor ${show(name)} is also in ${other.path}; expected it once`,
          );
        tensors.set(name, tensor);
        this.#partOf.set(name, part);
      }
    }
    this.tensors = tensors;
  }

  /**
   * Opens a file and those that it names as its further parts, and reads their headers.
   * @throws InputError if a file is missing or its header is not sound
   */
  static async open(path: string): Promise<GgufFile> {
    const parts = [await openPart(path)];
    try {
      for (const next of furtherParts(path, parts[0]!)) parts.push(await openPart(next));
      parts.forEach((part, index) => {
        checkNumber(part, index, parts.length);
      });
      return new GgufFile(parts);
    } catch (error) {
      await Promise.all(parts.map(({ file }) => file.close()));
      throw error;
    }
  }

  /** Fills `target` with the bytes of a tensor from byte `start` on, as they are stored. */
  async readInto(name: string, target: Uint8Array, start: number): Promise<void> {
    const { file, path } = this.#partOf.get(name)!;
    await readFully(file, target, this.tensors.get(name)!.offset + start, path);
  }

  /** Frees buffers, too: arrays of the metadata are empty afterwards. */
  async close(): Promise<void> {
    for (const scratch of Object.values(this.scratch)) scratch.free();
    for (const { bytes } of this.#parts) freeMemory(bytes);
    await Promise.all(this.#parts.map(({ file }) => file.close()));
  }
}

async function openPart(path: string): Promise<Part> {
  const file = await openFile(path);
  if (file === undefined) throw new InputError(`${path}: no such file; expected a GGUF file`);
  try {
    return { path, file, ...(await readHeader(file, path)) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The paths of the parts after the first. */
function furtherParts(path: string, { metadata }: Part): string[] {
  const count = metadata.integer('split.count', { absent: 1 });
  if (count <= 1) return [];
  if (count > maxParts) throw metadata.error('split.count', `at most ${maxParts} parts`);
  const names = ggufParts(path);
  if (names.length !== count) {
    throw new InputError(
      `${path}: found one of ${count} parts, expected a name that ends in -00001-of-${fiveDigits(count)}.gguf`,
    );
  }
  if (path !== names[0]) {
    throw new InputError(
      `${path}: found part ${names.indexOf(path) + 1} of a model, expected the first; name ${names[0]}`,
    );
  }
  return names.slice(1);
}

function checkNumber({ metadata, path }: Part, index: number, count: number): void {
  if (count === 1) return;
  const [number, total] = [metadata.integer('split.no'), metadata.integer('split.count')];
  if (number === index && total === count) return;
  throw new InputError(
    `${path}: found part ${number + 1} of ${total} inside, expected part ${index + 1} of ${count}, as its name says`,
  );
}

function fiveDigits(n: number): string {
  return String(n).padStart(5, '0');
}
