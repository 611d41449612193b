/**
 * The differences between Node and browsers. The rest of the library imports `#platform`, which
 * package.json resolves to `node.ts` or, for bundlers that build for browsers, to `browser.ts`; both are held to
 * this interface by `platform.test.ts`. A path is a path in Node and an address in a browser.
 */

import type { DownloadOptions } from '../checkpoint/hub.ts';
import type { NativeLibrary, ThreadSetup } from '../engine/cpu/threadSetup.ts';
import type { CudaOptions } from '../engine/cuda/cudaEngine.ts';
import type { CudaProbe } from '../engine/cuda/probe.ts';
import type { Engine } from '../engine/engine.ts';
import type { ReadableFile } from './readableFile.ts';

export type { DownloadOptions } from '../checkpoint/hub.ts';
export type { ReadableFile } from './readableFile.ts';

export interface Platform {
  /** The place `name` in the folder `folder`. */
  join(folder: string, name: string): string;
  /**
   * Opens a file for reading; undefined if it is not there.
   * @throws InputError if it is not a file, or cannot be read
   */
  openFile(path: string): Promise<ReadableFile | undefined>;
  /** Reads a file of the library itself, such as its kernels. */
  readAsset(url: URL): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Returns the folder of a model, given by folder, name or address; downloads and caches it if necessary.
   * @throws InputError if there is no such model; the signal's reason if it is aborted
   */
  findModelFolder(source: string, options?: DownloadOptions): Promise<string>;
  /** Advice for a folder without a config.json; may be empty. */
  remedyForMissing(folder: string): Promise<string>;
  /** Processors that threads may use. */
  availableCores(): Promise<number>;
  /** Bytes of memory that a process can take without swapping; undefined where the system does not say. */
  availableMemory(): number | undefined;
  /** Whether threads can share memory. */
  sharesMemory(): boolean;
  /** Whether V8 fuses pairs of 128-bit WebAssembly vectors into 256-bit ones, which a flag enables. */
  fusesVectors(): boolean;
  /**
   * The native kernels for this processor, if a library is there; a variant by its name, if it is given.
   * @throws InputError if a variant is named and not available
   */
  findNative(variant?: string): Promise<NativeLibrary | undefined>;
  /** Starts a thread of the CPU engine. */
  startThread(setup: ThreadSetup): Promise<Thread>;
  /** Yields to pending events, which computing on the calling thread would delay. */
  letEventsIn(): Promise<void>;
  /** Awaits an answer of the GPU with as little CPU use as possible. */
  awaitPatiently<T>(answer: Promise<T>): Promise<T>;
  /** Where WebGPU comes from. @throws NoGpuError if there is none */
  findGpu(): Promise<GPU>;
  /** An engine on an NVIDIA GPU. @throws NoCudaError if there is none, or a library is missing */
  createCudaEngine(options: CudaOptions): Promise<Engine>;
  /** Whether such an engine would run here. */
  probeCuda(): Promise<CudaProbe>;
}

/** A worker thread, in Node or a browser. */
export interface Thread {
  onMessage(handler: (message: unknown) => void): void;
  onError(handler: (error: Error) => void): void;
  /** Whether the thread keeps the process alive. */
  keepAlive(keep: boolean): void;
  terminate(): void;
}
