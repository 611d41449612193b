/** Loading and instantiating the kernel module; the same code runs in Node, in workers and in browsers. */

export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** For people: which instructions it uses. */
  readonly features: string;
}

/** What a thread needs to join: sent to workers as it is. */
export interface ThreadSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly kernels: readonly string[];
  readonly control: number;
  readonly workspace: number;
  readonly thread: number;
  readonly threads: number;
}

export interface KernelExports {
  runList(control: number, thread: number, threads: number): void;
  waitForJob(control: number, seen: number): number;
  setWorkspace(pointer: number): void;
  workspaceBytes(): number;
}

/** Table slots before this one are left to the compiler. */
const firstSlot = 64;

/** Compiles the variant of the module that suits this machine: `relaxed` uses relaxed SIMD. */
export async function loadKernelModule(shared: boolean, relaxed = hasRelaxedSimd()): Promise<KernelModule> {
  const name = `kernels${shared ? '.threads' : ''}${relaxed ? '.relaxed' : ''}.wasm`;
  const url = new URL(`../../../build/${name}`, import.meta.url);
  const module = await WebAssembly.compile(await readBytes(url));
  return { module, features: relaxed ? 'relaxed SIMD' : 'SIMD128' };
}

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

async function readBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol !== 'file:') return new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  try {
    return new Uint8Array(await readFile(url));
  } catch (cause) {
    throw new Error(`the kernels are not built: ${url.pathname} is missing; run "npm run build"`, { cause });
  }
}

/**
 * Whether the int8 dot product of relaxed SIMD compiles here. The bytes are a module with one function
 * (v128, v128) → v128 whose body is that instruction. Node 20 has it behind a flag only, miscompiled.
 */
function hasRelaxedSimd(): boolean {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 7, 1, 0x60, 2, 0x7b, 0x7b, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const code = [10, 11, 1, 9, 0, 0x20, 0, 0x20, 1, 0xfd, 0x92, 0x02, 0x0b];
  return WebAssembly.validate(new Uint8Array([...header, ...type, ...functions, ...code]));
}
