/**
 * What Node and browsers do differently, and nothing else. The rest of the library imports `#platform`, which
 * package.json resolves to `node.ts` or, for bundlers that build for browsers, to `browser.ts`; both are held to
 * this interface by `platform.test.ts`. A path is a path in Node and an address in a browser.
 */
import type { DownloadOptions } from '../checkpoint/hub.ts';
import type { ThreadSetup } from '../engine/cpu/threadSetup.ts';
import type { ReadableFile } from './readableFile.ts';

export type { DownloadOptions } from '../checkpoint/hub.ts';
export type { ReadableFile } from './readableFile.ts';

export interface Platform {
  /** The place `name` in the folder `folder`. */
  join(folder: string, name: string): string;
  /**
   * Opens a file for reading; undefined if it is not there.
   * @throws InputError if it is no file, or cannot be read
   */
  openFile(path: string): Promise<ReadableFile | undefined>;
  /** What belongs to the library itself, such as its kernels. */
  readAsset(url: URL): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The folder of a model by whatever a user may call it; downloaded if need be, and kept for the next time.
   * @throws InputError if there is no such model; the signal's reason if it is aborted
   */
  findModelFolder(source: string, options?: DownloadOptions): Promise<string>;
  /** What the user may do about a folder without a config.json. */
  remedyForMissing(folder: string): Promise<string>;
  /** Processors that threads may use. */
  availableCores(): Promise<number>;
  /** Whether threads can share memory. */
  sharesMemory(): boolean;
  /** Whether pairs of WebAssembly's vectors become vectors of 256 bits, which V8 does if it is told to. */
  fusesVectors(): boolean;
  /** Starts a thread of the CPU engine. */
  startThread(setup: ThreadSetup): Promise<Thread>;
  /** Lets events that wait be heard; computing on the calling thread would hold them up. */
  letEventsIn(): Promise<void>;
  /** The same answer of a GPU, waited for with as little effort as there may be. */
  awaitPatiently<T>(answer: Promise<T>): Promise<T>;
  /** Where WebGPU comes from. @throws NoGpuError if there is none */
  findGpu(): Promise<GPU>;
}

/** The little that threads have in common. */
export interface Thread {
  onMessage(handler: (message: unknown) => void): void;
  onError(handler: (error: Error) => void): void;
  /** Whether the thread keeps the process alive. */
  keepAlive(keep: boolean): void;
  terminate(): void;
}
