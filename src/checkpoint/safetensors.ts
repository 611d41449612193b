/**
 * Reads safetensors files: the header is parsed once, then tensors, or parts of them, are read into the caller's memory.
 */
import { openFile, type ReadableFile } from '#platform';
import { InputError } from '../errors.ts';
import { readFully } from '../files.ts';
import { refuseNoWeights, startBytes } from '../wrongFile.ts';
import {
  type Header,
  maxHeaderBytes,
  type PlacedTensor,
  parseHeader,
  type TensorInfo,
} from './safetensorsHeader.ts';
import type { WeightFile } from './tensorSource.ts';

export type { StoredDType, TensorInfo } from './safetensorsHeader.ts';

export class SafetensorsFile implements WeightFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: ReadableFile;
  readonly #placed: ReadonlyMap<string, PlacedTensor>;
  readonly #dataStart: number;

  private constructor(path: string, file: ReadableFile, header: Header, dataStart: number) {
    this.path = path;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
    this.#file = file;
    this.#placed = header.tensors;
    this.#dataStart = dataStart;
  }

  /**
   * Opens a file and checks its header; reads no tensor.
   * @throws InputError if the file is missing or its header is invalid
   */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await openFile(path);
    if (file === undefined) throw new InputError(`${path}: no such file; expected a safetensors file`);
    try {
      const { size } = file;
      if (size < 8) throw new InputError(`${path}: ${size} bytes; a safetensors file has at least 8`);
      const length = new Uint8Array(8);
      await readFully(file, length, 0, path);
      const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
      const limit = Math.min(size - 8, maxHeaderBytes);
      if (headerBytes > BigInt(limit)) {
        const start = new Uint8Array(Math.min(size, startBytes));
        await readFully(file, start, 0, path);
        refuseNoWeights(start, path, 'a safetensors file');
        throw new InputError(
          `${path}: header length: found ${headerBytes}, expected at most ${limit}; the file is truncated or not safetensors`,
        );
      }
      const json = new Uint8Array(Number(headerBytes));
      await readFully(file, json, 8, path);
      const dataStart = 8 + json.length;
      return new SafetensorsFile(path, file, parseHeader(json, size - dataStart, path), dataStart);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** All bytes of a tensor, in new memory. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.#find(name).byteLength);
    await this.readInto(name, bytes);
    return bytes;
  }

  /**
   * Fills `target` with the bytes of a tensor from byte `start` on. `target` may be in shared memory.
   * @throws RangeError if the tensor has fewer than start + target.length bytes; InputError if the file has become shorter
   * since it was opened
   */
  async readInto(name: string, target: Uint8Array, start = 0): Promise<void> {
    const { offset, byteLength } = this.#find(name);
    if (!Number.isSafeInteger(start) || start < 0 || start + target.length > byteLength) {
      throw new RangeError(
        `${this.path}: tensor "${name}": bytes ${start} to ${start + target.length} of ${byteLength}`,
      );
    }
    await readFully(this.#file, target, this.#dataStart + offset + start, this.path);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #find(name: string): PlacedTensor {
    const tensor = this.#placed.get(name);
    if (tensor) return tensor;
    throw new InputError(`${this.path}: tensor "${name}" not found among its ${this.#placed.size} tensors`);
  }
}
