/** The browser's side of the platform; see platform.ts. */
import type { ThreadSetup } from '../engine/cpu/threadSetup.ts';
import { NoGpuError, remedy } from '../engine/webgpu/errors.ts';
import { fetchModelFile } from './browserCache.ts';
import type { ReadableFile, Thread } from './platform.ts';

export { findModelFolder } from './browserModels.ts';
export type { DownloadOptions, ReadableFile, Thread } from './platform.ts';

export function join(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, '')}/${name}`;
}

/** A blob is a file that can be read anywhere, and need not lie in memory. */
export async function openFile(path: string): Promise<ReadableFile | undefined> {
  const blob = await fetchModelFile(path);
  return (
    blob && {
      size: blob.size,
      async read(target, position) {
        const part = await blob
          .slice(position, position + Math.min(target.length, largestRead))
          .arrayBuffer();
        target.set(new Uint8Array(part));
        return part.byteLength;
      },
      async close() {},
    }
  );
}

/** Bytes that are copied at a time. */
const largestRead = 2 ** 25;

export async function readAsset(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`${url}: found status ${response.status}, expected the library's kernels`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function remedyForMissing(): Promise<string> {
  return '';
}

export async function availableCores(): Promise<number> {
  return navigator.hardwareConcurrency || 1;
}

/** Browsers let threads share memory in pages that are cross-origin isolated only, by two headers. */
export function sharesMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated;
}

/** A page cannot know. */
export function fusesVectors(): boolean {
  return false;
}

export async function startThread(setup: ThreadSetup): Promise<Thread> {
  const worker = new Worker(new URL('./browserThread.js', import.meta.url), { type: 'module' });
  worker.postMessage(setup);
  return {
    onMessage: (handler) => worker.addEventListener('message', ({ data }) => handler(data)),
    onError: (handler) => worker.addEventListener('error', (event) => handler(new Error(event.message))),
    keepAlive() {},
    terminate: () => worker.terminate(),
  };
}

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()!();

/** Timers would wait for four milliseconds; a message to itself does not. */
export function letEventsIn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}

/** Browsers tell a page when the GPU has answered. */
export function awaitPatiently<T>(answer: Promise<T>): Promise<T> {
  return answer;
}

export async function findGpu(): Promise<GPU> {
  if (navigator.gpu) return navigator.gpu;
  throw new NoGpuError(`this browser has no WebGPU (pages need https or localhost); ${remedy}`);
}
