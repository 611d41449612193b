/**
 * File names that identify the process which made a file, so that another can distinguish a file in use from one that a
 * crash left.
 * A mark is `<pid>-<start time>-<host>`; the start time tells a process from a later one with the same id.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Who made a file. */
export interface ProcessMark {
  readonly pid: number;
  /** In clock ticks since the boot; 0 where the system does not say. */
  readonly started: number;
  readonly host: string;
}

const host =
  hostname()
    .replaceAll(/[^\w.]/g, '_')
    .slice(0, 64) || 'unknown';

let ownStart: number | undefined;

/** The mark of this process. */
export function ownMark(): string {
  ownStart ??= startOf(process.pid) ?? 0;
  return `${process.pid}-${ownStart}-${host}`;
}

/** Reads what `ownMark` wrote; undefined for any other text. */
export function parseMark(text: string): ProcessMark | undefined {
  const [, pid, started, name] = /^(\d{1,10})-(\d{1,20})-([\w.]{1,64})$/.exec(text) ?? [];
  return name === undefined ? undefined : { pid: Number(pid), started: Number(started), host: name };
}

/** Whether the process has certainly ended. Nothing is known of processes of other hosts. */
export function hasEnded({ pid, started, host: other }: ProcessMark): boolean {
  if (other !== host) return false;
  if (!isRunning(pid)) return true;
  const found = startOf(pid);
  return started > 0 && found !== undefined && found !== started;
}

/** A new name beside `path` for a file or folder that is renamed to `path` once it is complete. */
export function partialName(path: string): string {
  return `${path}.partial-${randomBytes(4).toString('hex')}-${ownMark()}`;
}

/** The path that a file will have when what it is, or is in, gets its final name; other paths as they are. */
export function withoutPartial(path: string): string {
  return path.replace(/\.partial-[0-9a-f]{8}-\d+-\d+-[\w.]+(?=[\\/]|$)/, '');
}

/** Removes what crashed processes left beside `path` under names made by `partialName`. */
export async function removePartials(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const names = await fs.readdir(folder).catch(() => []);
  for (const found of names) {
    if (found.startsWith(name) && isAbandoned(found.slice(name.length))) {
      await fs.rm(join(folder, found), { recursive: true, force: true });
    }
  }
}

/** Whether a name ends as a partial file does whose process has ended. */
export function isAbandoned(name: string): boolean {
  const [, text] = /\.partial-[0-9a-f]{8}-(.+)$/.exec(name) ?? [];
  if (text !== undefined) {
    const mark = parseMark(text);
    return mark !== undefined && hasEnded(mark);
  }
  // Names of earlier versions hold the process id alone.
  const [, pid] = /\.(?:partial-|tmp-)(\d{1,10})(?:-[0-9a-f]{8})?$/.exec(name) ?? [];
  return pid !== undefined && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // another user's
  }
}

/** Field 22 of /proc/<pid>/stat, on Linux. A zombie has ended, though its parent has not asked yet. */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? -1 : Number(fields[19]);
  } catch {
    return undefined;
  }
}
