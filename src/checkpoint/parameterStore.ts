/** The memory that receives a checkpoint's parameters. */
import { bytesOf } from '../engine/engine.ts';
import type { Storage } from '../model/parameters.ts';

export interface ParameterStore {
  /** Announces how `name` will be stored. All calls come before the first to `bytes`. */
  prepare(name: string, storage: Storage): void;
  /** The parameter's storage; asked for again before each write, since memory may move. */
  bytes(name: string): Uint8Array;
  /** Takes bytes of the parameter from byte `start` on, where there is no need to hold all of them at once. */
  write?(name: string, bytes: Uint8Array, start: number): void;
  /** All bytes of the parameter are there; `bytes` is not asked for them again. */
  written(name: string): void;
}

/** The memory of a parameter of so many bytes. */
export function storage(store: ParameterStore, name: string, expected: number): Uint8Array {
  const bytes = store.bytes(name);
  if (bytes.length === expected) return bytes;
  throw new RangeError(`store gave ${bytes.length} bytes for parameter ${name}, expected ${expected}`);
}

/** Bytes [start, …) of a parameter of `total` bytes. */
export function put(
  store: ParameterStore,
  name: string,
  bytes: Uint8Array,
  start: number,
  total: number,
): void {
  if (store.write) store.write(name, bytes, start);
  else storage(store, name, total).set(bytes, start);
}

export function writeFloat(store: ParameterStore, name: string, value: number): void {
  storage(store, name, 4).set(bytesOf(Float32Array.of(value)));
  store.written(name);
}
