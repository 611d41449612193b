/** Compiled kernels, by their complete source: in memory, and on disk for the next process. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { partialName } from '../../processMark.ts';
import type { DriverLibrary } from './driver.ts';
import type { AssembledKernel } from './kernelSource.ts';
import type { Nvrtc } from './nvrtc.ts';

/** What is compiled by one version for one card is always the same: files are shared and never go stale. */
const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'plusminus', 'cuda');

/** Machine code of a kernel for a compute capability, from the cache if it is there. */
export function compileKernel(
  compiler: Nvrtc,
  { entry, source }: AssembledKernel,
  capability: number,
): Uint8Array {
  const hash = createHash('sha256').update(`${compiler.version} ${capability}\n${source}`).digest('hex');
  const path = join(cacheFolder, `${entry}-${hash.slice(0, 32)}.cubin`);
  const cached = readCached(path);
  if (cached) return cached;
  const code = compiler.compile(entry, source, capability);
  writeCached(path, code);
  return code;
}

/** The kernels of a process on one card. */
export class Kernels {
  readonly #driver: DriverLibrary;
  readonly #openCompiler: () => Nvrtc;
  readonly #capability: number;
  readonly #functions = new Map<string, bigint>();
  readonly #modules: bigint[] = [];
  #compiler: Nvrtc | undefined;

  constructor(driver: DriverLibrary, openCompiler: () => Nvrtc, capability: number) {
    this.#driver = driver;
    this.#openCompiler = openCompiler;
    this.#capability = capability;
  }

  /** The function of a kernel on this card. */
  load(kernel: AssembledKernel, sharedBytes: number): bigint {
    const known = this.#functions.get(kernel.source);
    if (known !== undefined) return known;
    this.#compiler ??= this.#openCompiler();
    const code = compileKernel(this.#compiler, kernel, this.#capability);
    const module = this.#driver.make('cuModuleLoadData', code);
    this.#modules.push(module);
    const found = this.#driver.make('cuModuleGetFunction', module, kernel.entry);
    // Above 48 KiB with what the kernel declares of fixed size, cards want to be asked.
    if (sharedBytes > 0) this.#driver.call('cuFuncSetAttribute', found, maxDynamicShared, sharedBytes);
    this.#functions.set(kernel.source, found);
    return found;
  }

  dispose(): void {
    for (const module of this.#modules) this.#driver.status('cuModuleUnload', module);
  }
}

const maxDynamicShared = 8;

function readCached(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined; // compiled again
  }
}

/** In one step, so that no other process reads half a file. A cache that cannot be written is not a cache. */
function writeCached(path: string, code: Uint8Array): void {
  try {
    mkdirSync(cacheFolder, { recursive: true });
    const part = partialName(path);
    writeFileSync(part, code, { flush: true }); // the name must not reach the disk before the content
    renameSync(part, path);
  } catch {}
}
