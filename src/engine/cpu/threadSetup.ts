/** Facts about the kernel module that threads and the host share. */

/** Kernels of a native library by the names under which the module imports them; 1: done, 0: left to WebAssembly. */
export interface NativeKernels {
  readonly [name: string]: (...args: number[]) => number;
}

/** A native library that suits this machine. */
export interface NativeLibrary {
  readonly path: string;
  /** For people: the instructions of the variant in use. */
  readonly variant: string;
  readonly index: number;
}

/** The message with which a worker joins. */
export interface ThreadSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly kernels: readonly string[];
  readonly control: number;
  readonly workspace: number;
  /** See `CpuOptions.fusesVectors`. */
  readonly fusesVectors: boolean;
  /** See `CpuOptions.byteDots`. */
  readonly byteDots: boolean;
  readonly native: NativeLibrary | undefined;
  /** Number of this thread, from 0, and of all. */
  readonly thread: number;
  readonly threads: number;
  /** There are as many threads as cores, or more: the host has none of its own. */
  readonly takesAllCores: boolean;
  /** `performance.timeOrigin` of the host: threads tell times by its clock. */
  readonly timeOrigin: number;
}

export interface KernelExports {
  /** Takes part in runs, and returns when this thread has completed one; `sleeps`: without work it sleeps at once. */
  work(control: number, sleeps: boolean): void;
  /** Runs all phases from the open one on, if each is a single piece. */
  advance(control: number): number;
  setWorkspace(pointer: number): void;
  setFusesVectors(value: boolean): void;
  /** 1 where the machine's dot instruction does more than relaxed SIMD promises: see byteDot.as.ts. */
  hasByteDots(): number;
  setByteDots(value: boolean): void;
  workspaceBytes(): number;
}
