/** A file system on which one operation fails, as on a disk that is full or broken. */
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const functions = ['open', 'rename', 'mkdir', 'writeFile', 'cp'] as const;
const methods = ['write', 'writeFile', 'sync'] as const;

export interface Outcome {
  /** What `work` threw. */
  readonly error: unknown;
  /** Whether it came as far as the operation that fails. */
  readonly failed: boolean;
}

/** Runs `work` with operation number `n`, counted from 1 over all kinds, failing with `code`. */
export async function withFault(n: number, code: string, work: () => Promise<unknown>): Promise<Outcome> {
  let count = 0;
  const count1 = () => {
    if (++count !== n) return;
    throw Object.assign(new Error(`${code}: injected`), { code, syscall: 'write' });
  };
  const restore = await patch(count1);
  try {
    await work();
    return { error: undefined, failed: count >= n };
  } catch (error) {
    return { error, failed: count >= n };
  } finally {
    restore();
  }
}

async function patch(before: () => void): Promise<() => void> {
  const handle = await fs.open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const undo = [
    ...functions.map((name) => wrap(fs as unknown as Wrapped, name, before)),
    ...methods.map((name) => wrap(prototype as unknown as Wrapped, name, before)),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const one of undo) one();
    syncBuiltinESMExports();
  };
}

type Wrapped = Record<string, (...args: unknown[]) => Promise<unknown>>;

function wrap(target: Wrapped, name: string, before: () => void): () => void {
  const original = target[name]!;
  target[name] = async function (this: unknown, ...args: unknown[]) {
    if (!isRead(name, args)) before();
    return original.apply(this, args);
  };
  return () => {
    target[name] = original;
  };
}

function isRead(name: string, [, flags]: unknown[]): boolean {
  return name === 'open' && (flags === undefined || flags === 'r');
}
