/**
 * Where the native kernels are: built in this clone by "npm run build:native", or brought by an optional package for the
 * platform. Where there are none, or they cannot be loaded (without koffi, on another C library, from another version),
 * WebAssembly computes everything.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { NativeLibrary } from '../engine/cpu/threadSetup.ts';
import { InputError } from '../errors.ts';
import { openNative } from './nativeKernels.js';
import { refuseStaleKernels } from './staleKernels.ts';

/** The functions of native/plusminus.c. */
export interface NativeFunctions {
  /** Of the package that it was built from. */
  version(): string;
  /** The name of a variant; empty if the processor lacks it, null past the last. The fastest comes last. */
  variant(index: number): string | null;
  bind(memory: Uint8Array, index: number): void;
  ternaryProduct(args: number, piece: number, pieces: number, phase: number): number;
  groupedProduct(args: number, piece: number, pieces: number): number;
  rowKernel(kernel: number, args: number, piece: number, pieces: number): number;
  pagedAttention(args: number, piece: number, pieces: number): number;
  denseProduct(args: number, piece: number, pieces: number): number;
}

const platform = `${process.platform}-${process.arch}`;
const extension = { win32: 'dll', darwin: 'dylib' }[process.platform as string] ?? 'so';

/** The variant `wanted`, by default that of PLUSMINUS_NATIVE, else the fastest; `off`: none. */
export function findNative(wanted = process.env.PLUSMINUS_NATIVE): NativeLibrary | undefined {
  if (wanted === 'off') return undefined;
  const variants = nativeVariants();
  const found = wanted === undefined ? variants.at(-1) : variants.find(({ variant }) => variant === wanted);
  if (wanted !== undefined && !found) {
    const names = ['off', ...variants.map(({ variant }) => variant)].join(', ');
    throw new InputError(`native kernels: found ${wanted}, expected one of ${names}`);
  }
  return found;
}

/**
 * What this processor has of the library, the fastest last.
 * @throws InputError if the library of a clone is older than its sources: it would misread its arguments
 */
export function nativeVariants(): NativeLibrary[] {
  const path = libraryPath();
  if (path === undefined) return [];
  const file = pathToFileURL(path);
  refuseStaleKernels({ file, sources: new URL('sources.json', file), command: 'npm run build:native' });
  try {
    const library = openNative(path);
    if (library.version() !== ownVersion()) return [];
    const found: NativeLibrary[] = [];
    for (let index = 0; ; index++) {
      const variant = library.variant(index);
      if (variant === null) return found;
      if (variant !== '') found.push({ path, variant, index });
    }
  } catch {
    return []; // WebAssembly does without
  }
}

function ownVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

function libraryPath(): string | undefined {
  const built = fileURLToPath(
    new URL(`../../build/native/${platform}/plusminus.${extension}`, import.meta.url),
  );
  if (existsSync(built)) return built;
  try {
    return createRequire(import.meta.url).resolve(`@plusminus/native-${platform}/plusminus.${extension}`);
  } catch {
    return undefined;
  }
}
