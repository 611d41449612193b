/**
 * Instantiating the kernel module, on every thread. Like all that threads load, it is JavaScript: for TypeScript,
 * Node would bring its compiler into each of them, 11 MB a thread.
 */

/** Table slots before this one are left to the compiler. */
const firstSlot = 64;

/**
 * Names of the exported kernels, in the order of their table slots.
 * @param {WebAssembly.Module} module
 */
export function kernelNames(module) {
  return WebAssembly.Module.exports(module)
    .filter((entry) => entry.kind === 'function')
    .map((entry) => entry.name);
}

/** @param {number} index */
export function slotOf(index) {
  return firstSlot + index;
}

/**
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @param {number} timeOrigin from which the kernels' clock counts; each thread's own clock has an origin of its own
 * @param {import('./threadSetup.ts').NativeKernels} native kernels of a native library, by name; those that are absent
 *   leave the work to WebAssembly
 */
export function instantiate(module, memory, timeOrigin, native = {}) {
  const kernels = kernelNames(module);
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: firstSlot + kernels.length });
  const instance = new WebAssembly.Instance(module, {
    env: { memory, table, abort },
    native: Object.fromEntries(
      WebAssembly.Module.imports(module)
        .filter((entry) => entry.module === 'native')
        .map(({ name }) => [name, native[name] ?? (() => 0)]),
    ),
    host: { now: () => performance.timeOrigin - timeOrigin + performance.now() },
  });
  for (const [index, name] of kernels.entries()) table.set(slotOf(index), instance.exports[name]);
  return /** @type {import('./threadSetup.ts').KernelExports} */ (/** @type {unknown} */ (instance.exports));
}

/** @returns {never} */
function abort() {
  throw new Error('a kernel aborted: this is a bug');
}
