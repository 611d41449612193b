/** Facts about the kernel module that threads and the host share. */

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
  readonly thread: number;
  readonly threads: number;
}

export interface KernelExports {
  runList(control: number, thread: number, threads: number): void;
  waitForJob(control: number, seen: number): number;
  setWorkspace(pointer: number): void;
  setFusesVectors(value: boolean): void;
  /** 1 where the machine's dot instruction does more than relaxed SIMD promises: see byteDot.as.ts. */
  hasByteDots(): number;
  setByteDots(value: boolean): void;
  workspaceBytes(): number;
}
