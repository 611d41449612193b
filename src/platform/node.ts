/** Node's side of the platform; see platform.ts. Heavy modules are imported on use. */

import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { availableParallelism, freemem, platform, totalmem } from 'node:os';
import { join as joinPaths } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { NativeLibrary, ThreadSetup } from '../engine/cpu/threadSetup.ts';
import type { CudaOptions } from '../engine/cuda/cudaEngine.ts';
import type { CudaProbe } from '../engine/cuda/probe.ts';
import type { Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { ggufMember } from './ggufPaths.ts';
import { isGiven, openGiven } from './givenFiles.ts';
import { readInlinedFile } from './inlinedFile.ts';
import { kernelAddress } from './kernelFolder.ts';
import type { DownloadOptions, ReadableFile, Thread } from './platform.ts';
import { isAddress, openRange } from './rangeFile.ts';
import { refuseStaleKernels, sourcesFile } from './staleKernels.ts';

export { fusesVectors } from './fusing.ts';

/** An address keeps the two slashes after its scheme, which a path would lose. */
export function join(folder: string, name: string): string {
  return isAddress(folder) ? `${folder}/${name}` : joinPaths(folder, name);
}

/** Node refuses single reads of 2 GiB and more. */
const largestRead = 2 ** 28;

export async function openFile(path: string): Promise<ReadableFile | undefined> {
  if (isGiven(path)) return openGiven(path) ?? openMade(path);
  if (isAddress(path)) return ggufMember(path) ? openMade(path) : openRange(path);
  return (await openLocal(path)) ?? openMade(path);
}

/** A file that is made from the metadata of a GGUF file. */
async function openMade(path: string): Promise<ReadableFile | undefined> {
  return ggufMember(path) ? (await import('../checkpoint/gguf/modelFolder.ts')).openInGguf(path) : undefined;
}

/** Anything but a regular file is refused: opening a pipe would wait forever. */
async function openLocal(path: string): Promise<ReadableFile | undefined> {
  try {
    // Non-blocking, so that opening a pipe does not wait for a writer, and its kind can be checked.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await file.stat();
    if (status.isFile()) {
      return {
        size: status.size,
        read: async (target, position) =>
          (await file.read(target, 0, Math.min(target.length, largestRead), position)).bytesRead,
        close: () => file.close(),
      };
    }
    await file.close();
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new InputError(`${path}: cannot be opened (${(cause as Error).message})`, { cause });
  }
  throw new InputError(`${path}: expected a regular file, found something else (a folder, a pipe, a device)`);
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const remedyForKernels =
  'in a clone run "npm ci" (without --omit=dev) or "npm run build"; in a bundle leave plusminus external, or name the folder build/ of the package in ' +
  'the option kernels';

export async function readAsset(asset: URL): Promise<Uint8Array<ArrayBuffer>> {
  const inlined = readInlinedFile(asset);
  if (inlined) return inlined;
  const url = kernelAddress(asset);
  const bytes = await readFile(url).catch((cause) => {
    throw new InputError(`the kernels are missing: ${url.pathname} is not there; ${remedyForKernels}`, {
      cause,
    });
  });
  refuseStaleKernels({ file: url, sources: new URL(sourcesFile, url), command: 'npm run build' });
  return new Uint8Array(bytes);
}

export async function findModelFolder(source: string, options?: DownloadOptions): Promise<string> {
  return (await import('../checkpoint/modelSource.ts')).findModelFolder(source, options);
}

export async function remedyForMissing(folder: string): Promise<string> {
  const { previousOf } = await import('../checkpoint/replaceFolder.ts');
  const previous = previousOf(folder);
  return (await stat(previous).catch(() => undefined))
    ? `An interrupted save left the earlier model in ${previous}; rename it back.`
    : '';
}

export async function availableCores(): Promise<number> {
  return availableParallelism();
}

/**
 * What is free on the machine and within the limit of a container. The container's own count of what is used is ignored,
 * because it includes files that are cached. On macOS free memory leaves out what is cached, so all of it is taken.
 */
export function availableMemory(): number {
  const free = platform() === 'darwin' ? totalmem() : freemem();
  return Math.min(free, process.constrainedMemory() - process.memoryUsage.rss());
}

export function sharesMemory(): boolean {
  return true;
}

export async function findNative(variant?: string): Promise<NativeLibrary | undefined> {
  return (await import('./nativeLibrary.ts')).findNative(variant);
}

export async function startThread(setup: ThreadSetup): Promise<Thread> {
  const url = new URL('./nodeThread.js', import.meta.url);
  // The process's own flags need not suit a worker; it needs none.
  const worker = new Worker(url, { workerData: setup, execArgv: [] });
  return {
    onMessage: (handler) => worker.on('message', handler),
    onError: (handler) => {
      worker.on('error', handler);
      // A thread that ends without an error has been stopped from outside.
      worker.on('exit', (code) => handler(new Error(`a thread of the CPU engine ended (exit code ${code})`)));
    },
    keepAlive: (keep) => (keep ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  };
}

export function letEventsIn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export async function findGpu(): Promise<GPU> {
  return (await import('../engine/webgpu/nodeGpu.ts')).nodeGpu();
}

export async function createCudaEngine(options: CudaOptions): Promise<Engine> {
  return (await import('../engine/cuda/cudaEngine.ts')).CudaEngine.create(options);
}

export async function probeCuda(): Promise<CudaProbe> {
  return (await import('../engine/cuda/probe.ts')).probeCuda();
}

export { awaitPatiently } from './patience.ts';
export type { ReadableFile, Thread } from './platform.ts';
