/**
 * The native kernels of a thread. JavaScript, because every thread loads it: see thread.js.
 */
import { createRequire } from 'node:module';

/** The functions of native/plusminus.c. */
const signatures = {
  version: 'const char *plusminusPackageVersion()',
  variant: 'const char *plusminusVariant(int32_t)',
  bind: 'void plusminusBind(void *, int32_t)',
  ternaryProduct: 'int32_t ternaryProduct(uint32_t, int32_t, int32_t, int32_t)',
  groupedProduct: 'int32_t groupedProduct(uint32_t, int32_t, int32_t)',
  denseProduct: 'int32_t denseProduct(uint32_t, int32_t, int32_t)',
  pagedAttention: 'int32_t pagedAttention(uint32_t, int32_t, int32_t)',
  rowKernel: 'int32_t rowKernel(int32_t, uint32_t, int32_t, int32_t)',
};

/**
 * Opens the library. koffi is an optional package.
 * @param {string} path
 */
export function openNative(path) {
  const require = createRequire(import.meta.url);
  /** @type {{ load(path: string): { func(signature: string): Function } }} */
  const koffi = require('koffi');
  const library = koffi.load(path);
  const functions = Object.entries(signatures).map(([name, signature]) => [name, library.func(signature)]);
  return /** @type {import('./nativeLibrary.ts').NativeFunctions} */ (Object.fromEntries(functions));
}

/**
 * The kernels, bound to the memory for the calling thread. A shared memory does not move when it grows.
 * @param {import('../engine/cpu/threadSetup.ts').NativeLibrary} native
 * @param {WebAssembly.Memory} memory
 * @returns {import('../engine/cpu/threadSetup.ts').NativeKernels}
 */
export function bindNative(native, memory) {
  const { bind, ternaryProduct, groupedProduct, denseProduct, pagedAttention, rowKernel } = openNative(
    native.path,
  );
  bind(new Uint8Array(memory.buffer), native.index);
  return { ternaryProduct, groupedProduct, denseProduct, pagedAttention, rowKernel };
}
