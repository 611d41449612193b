/** What an error of the system says to a user: what was found, and what to do. */
import { withoutPartial } from './processMark.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder; check the path',
  ENOTDIR: 'found a file in its path, expected folders; check the path',
  EISDIR: 'found a folder, expected a file',
  EEXIST: 'found a file of that name; choose another name, or move it',
  ENOTEMPTY: 'found a folder with files in it; choose another name, or empty it',
  EACCES: 'permission denied; check whose it is and who may use it',
  EPERM: 'not permitted by the system; check whose it is and who may use it',
  EROFS: 'the file system is read-only; write elsewhere',
  ENOSPC: 'no space is left on the disk; free some or write elsewhere',
  EDQUOT: 'the quota of the disk is used up; free some or write elsewhere',
  EFBIG: 'the file would be larger than the system allows; write elsewhere',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  EADDRINUSE: 'another program listens there; choose another port, or 0 for any free one',
  EADDRNOTAVAIL: 'no address of this machine; expected one such as 127.0.0.1 or 0.0.0.0',
  ENOTFOUND: 'no host of this name was found; check the name, and the network',
};

/** Of a file to write, ENOENT means this. */
const missingFolder = 'its folder does not exist; check the path, or make the folder';
/** Node says ENOENT also where it may not make a folder, as on a read-only file system. */
const refusedFolder = 'the folder cannot be made; check the path, and that it may be written';

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** Why an operation failed, without its path. Of other errors than those of the system: their message. */
export function systemReason(error: unknown, { writing = false } = {}): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  const { code = '', syscall } = error;
  if (code === 'ENOENT' && syscall === 'mkdir') return refusedFolder;
  if (code === 'ENOENT' && writing) return missingFolder;
  return reasons[code] ?? error.message;
}

/** A line about an error of the system, which begins with the path or address that it is about. */
export function explainSystemError(error: NodeJS.ErrnoException): string {
  const { path, dest, address, port, hostname } = error as NodeJS.ErrnoException &
    Partial<Record<'dest' | 'address' | 'port' | 'hostname', string>>;
  const given = dest ?? path;
  const target = given === undefined ? undefined : withoutPartial(given);
  const where = target ?? (address === undefined ? hostname : [address, port].filter(Boolean).join(':'));
  const reason = systemReason(error, { writing: target !== given });
  return where === undefined || reason === error.message ? reason : `${where}: ${reason}`;
}
