/**
 * V8's fusing of two 128-bit WebAssembly vectors into one of 256 bits, on processors with AVX2: see
 * src/ops/bitLinear/dot.as.ts. The flag is experimental and holds for the whole process, so that a program that uses the
 * library decides about it, and only commands set it.
 */
import v8 from 'node:v8';

export const fusingFlag = '--experimental-wasm-revectorize';
/** Versions of V8 in which all kernels are tested under this flag: npm run test:fused. */
const testedVersions = /^13\.6\./;

let isTold = false;

/** Whether V8 was told to fuse vectors. */
export function fusesVectors(): boolean {
  return isTold || process.execArgv.includes(fusingFlag);
}

/** Tells V8 to fuse vectors in modules that are compiled from now on, where that is tested. */
export function fuseVectors(): void {
  if (fusesVectors() || process.arch !== 'x64' || !testedVersions.test(process.versions.v8)) return;
  v8.setFlagsFromString(fusingFlag);
  isTold = true;
}
