/** Calls of C functions through koffi. Handles are numbers, and results come through pointers. */
import type { KoffiFunc, LibraryHandle } from 'koffi';
import { NoCudaError, remedy } from './errors.ts';

export type Koffi = typeof import('koffi').default;

/**
 * `*` is a pointer, `h` a handle or a device address, `s` text, `z` a size, `i` and `u` 32-bit integers, `n` NCCL's id of a
 * group, which is passed by value.
 */
const types = {
  '*': 'void *',
  h: 'uint64_t',
  s: 'const char *',
  z: 'size_t',
  i: 'int',
  u: 'uint32_t',
  n: 'ncclUniqueId',
} as const;

/** What calls that are under way refer to. */
const inUse = new Set<readonly object[]>();

type CFunction = KoffiFunc<(...args: readonly unknown[]) => number>;

/** The functions of one library, each by the letters of its parameters. */
export class Library<Names extends string> {
  readonly #library: LibraryHandle;
  readonly #signatures: Readonly<Record<Names, string>>;
  readonly #functions = new Map<Names, CFunction>();
  readonly #explain: (name: Names, status: number) => Error;

  constructor(
    library: LibraryHandle,
    signatures: Readonly<Record<Names, string>>,
    explain: (name: Names, status: number) => Error,
  ) {
    this.#library = library;
    this.#signatures = signatures;
    this.#explain = explain;
  }

  /** Calls a function and returns its status. */
  status(name: Names, ...args: readonly unknown[]): number {
    let found = this.#functions.get(name);
    if (!found) {
      const parameters = [...this.#signatures[name]].map((letter) => types[letter as keyof typeof types]);
      found = this.#library.func(name, 'int', parameters) as CFunction;
      this.#functions.set(name, found);
    }
    return found(...args);
  }

  /** Calls a function; throws unless its status is 0. */
  call(name: Names, ...args: readonly unknown[]): void {
    this.check(name, this.status(name, ...args));
  }

  /** Throws unless the status of a call is 0. */
  check(name: Names, status: number): void {
    if (status !== 0) throw this.#explain(name, status);
  }

  /** `status` of a function whose arguments hold addresses of other objects' memory: they are not collected meanwhile. */
  statusHolding(held: readonly object[], name: Names, ...args: readonly unknown[]): number {
    inUse.add(held);
    try {
      return this.status(name, ...args);
    } finally {
      inUse.delete(held);
    }
  }

  /** Calls a function whose first parameter receives a handle or an address, and returns that. */
  make(name: Names, ...args: readonly unknown[]): bigint {
    const place = new BigUint64Array(1);
    this.call(name, place, ...args);
    return place[0]!;
  }
}

export async function loadKoffi(): Promise<Koffi> {
  const name = 'koffi'; // a variable, so that bundlers for browsers don't follow the import
  const module = await import(/* @vite-ignore */ name).catch((cause) => {
    throw new NoCudaError(
      `the CUDA engine reaches NVIDIA's libraries through the package "koffi": run "npm install koffi", or ${remedy}`,
      { cause },
    );
  });
  return module.default;
}
