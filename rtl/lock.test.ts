import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withLock } from './bench/lock.ts';

const lockModule = new URL('./bench/lock.ts', import.meta.url).href;

function inFolder(run: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plusminus-lock-'));
    try {
      await run(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

/** Adds one to a number in a file, slowly enough that two processes at once would lose an addition. */
const addition = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const { withLock } = await import(process.argv[1]);
  for (let i = 0; i < 3; i++) withLock(process.argv[2], () => {
    const count = Number(readFileSync(process.argv[3], 'utf8'));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    writeFileSync(process.argv[3], String(count + 1));
  });`;

it(
  'lets one process at a time build a bench',
  inFolder(async (folder) => {
    const count = join(folder, 'count');
    writeFileSync(count, '0');
    const args = ['--input-type=module', '-e', addition, lockModule, join(folder, 'lock'), count];
    const children = [1, 2, 3].map(() => spawn(process.execPath, args, { stdio: 'inherit' }));
    await Promise.all(children.map((child) => once(child, 'close')));
    expect(readFileSync(count, 'utf8')).toBe('9');
  }),
);

it(
  'is not held by a process that has ended',
  inFolder(async (folder) => {
    const lock = join(folder, 'lock');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(lock, String(pid));
    expect(withLock(lock, () => 'built')).toBe('built');
  }),
);
