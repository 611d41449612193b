/** The browser's side of the platform; see platform.ts. */

import type { ThreadSetup } from '../engine/cpu/threadSetup.ts';
import type { CudaProbe } from '../engine/cuda/probe.ts';
import { NoGpuError, remedy } from '../engine/webgpu/errors.ts';
import { InputError } from '../errors.ts';
import { fetchModelFile } from './browserCache.ts';
import { ggufMember } from './ggufPaths.ts';
import { blobFile, isGiven, openGiven } from './givenFiles.ts';
import { readInlinedFile } from './inlinedFile.ts';
import { kernelAddress } from './kernelFolder.ts';
import type { ReadableFile, Thread } from './platform.ts';

export { findModelFolder } from './browserModels.ts';
export type { DownloadOptions, ReadableFile, Thread } from './platform.ts';

export function join(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, '')}/${name}`;
}

export async function openFile(path: string): Promise<ReadableFile | undefined> {
  // What is in a GGUF file is made from its metadata, never fetched.
  if (ggufMember(path)) return (await import('../checkpoint/gguf/modelFolder.ts')).openInGguf(path);
  if (isGiven(path)) return openGiven(path);
  const blob = await fetchModelFile(path);
  return blob && blobFile(blob);
}

export async function readAsset(asset: URL): Promise<Uint8Array<ArrayBuffer>> {
  const inlined = readInlinedFile(asset);
  if (inlined) return inlined;
  const url = kernelAddress(asset);
  const response = await fetch(url);
  if (!response.ok)
    throw new InputError(
      `${url}: found status ${response.status}, expected the library's kernels; serve the *.wasm files of the ` +
        "package's folder build/ and name that folder in the option kernels",
    );
  return new Uint8Array(await response.arrayBuffer());
}

export async function remedyForMissing(): Promise<string> {
  return '';
}

export async function availableCores(): Promise<number> {
  return navigator.hardwareConcurrency || 1;
}

/** Chromium says how much memory the device has, up to 8 GiB, which then means "or more". */
export function availableMemory(): number | undefined {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  return deviceMemory !== undefined && deviceMemory < 8 ? deviceMemory * 2 ** 30 : undefined;
}

/** Browsers let threads share memory in pages that are cross-origin isolated only, by two headers. */
export function sharesMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated;
}

/** A page cannot know. */
export function fusesVectors(): boolean {
  return false;
}

export async function findNative(): Promise<undefined> {
  return undefined;
}

export async function startThread(setup: ThreadSetup): Promise<Thread> {
  const worker = new Worker(new URL('./browserThread.js', import.meta.url), { type: 'module' });
  worker.postMessage(setup);
  return {
    onMessage: (handler) => worker.addEventListener('message', ({ data }) => handler(data)),
    onError: (handler) => worker.addEventListener('error', (event) => handler(workerError(event))),
    keepAlive() {},
    terminate: () => worker.terminate(),
  };
}

/** A worker that a content security policy blocks fails with an empty message. */
function workerError({ message, filename }: ErrorEvent): Error {
  if (message) return new Error(`${message}${filename ? ` (${filename})` : ''}`);
  return new InputError(
    'the worker of a thread cannot be loaded: check that the server sends the file, and that the content security ' +
      "policy allows it (worker-src 'self'; script-src 'self' 'wasm-unsafe-eval'), or use threads: 0",
  );
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

/** Browsers notify the page when the GPU has answered. */
export function awaitPatiently<T>(answer: Promise<T>): Promise<T> {
  return answer;
}

export async function probeCuda(): Promise<CudaProbe> {
  return { works: false, problem: undefined };
}

export async function createCudaEngine(): Promise<never> {
  throw new NoGpuError("CUDA runs in Node; use WebGPU: --engine webgpu (in code: engine: 'webgpu')");
}

export async function findGpu(): Promise<GPU> {
  if (navigator.gpu) return navigator.gpu;
  throw new NoGpuError(`this browser has no WebGPU (pages need https or localhost); ${remedy}`);
}
