/** Where the kernels are, for programs that a bundler has put elsewhere than the library's files. */
import { InputError } from '../errors.ts';

let folder: URL | undefined;

/** Sets the folder of the `*.wasm` files for all models loaded from now on. */
export function setKernelFolder(address: URL): void {
  folder = address;
}

/** The address of a kernel file: in the folder that was set, else where the library itself expects it. */
export function kernelAddress(url: URL): URL {
  return folder ? new URL(url.pathname.slice(url.pathname.lastIndexOf('/') + 1), folder) : url;
}

/** The address of a folder that is named by a `URL`, an absolute address, one relative to the page, or a path. */
export function folderAddress(name: string | URL): URL {
  const base = globalThis.location?.href ?? (globalThis.process && `file://${process.cwd()}/`);
  const isPath = /^[A-Za-z]:[\\/]/.test(String(name)); // C:\kernels
  const text = `${isPath ? `file:///${String(name).replaceAll('\\', '/')}` : name}`.replace(/\/?$/, '/');
  if (!URL.canParse(text, base))
    throw new InputError(`kernels: found "${name}", expected a folder's address or path`);
  return new URL(text, base);
}
