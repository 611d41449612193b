/**
 * Files that a bundler wrote into the script as `data:` addresses, as Vite does with those below 4 KiB. Their bytes are read
 * from the address: a content security policy may forbid fetching it.
 */

/** Undefined for another address. */
export function readInlinedFile({ protocol, pathname }: URL): Uint8Array<ArrayBuffer> | undefined {
  const [, base64] = /;base64,(.*)$/s.exec(pathname) ?? [];
  if (protocol !== 'data:' || base64 === undefined) return undefined;
  return Uint8Array.from(atob(decodeURIComponent(base64)), (letter) => letter.charCodeAt(0));
}
