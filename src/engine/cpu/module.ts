/** Instantiating the kernel module, on every thread. */

/** What a thread needs to join: sent to workers as it is. */
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

/** Table slots before this one are left to the compiler. */
const firstSlot = 64;

/** Names of the exported kernels, in the order of their table slots. */
export function kernelNames(module: WebAssembly.Module): string[] {
  return WebAssembly.Module.exports(module)
    .filter((entry) => entry.kind === 'function')
    .map((entry) => entry.name);
}

export function slotOf(index: number): number {
  return firstSlot + index;
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const kernels = kernelNames(module);
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: firstSlot + kernels.length });
  const instance = new WebAssembly.Instance(module, {
    env: { memory, table, abort },
    host: { now: () => performance.now() },
  });
  for (const [index, name] of kernels.entries()) {
    table.set(slotOf(index), instance.exports[name] as CallableFunction);
  }
  return instance.exports as unknown as KernelExports;
}

function abort(): never {
  throw new Error('a kernel aborted: this is a bug');
}
