/** The format of `SHA256SUMS`, as the command `sha256sum` writes and reads it. */

export const listName = 'SHA256SUMS';

/** Whether a file of a model is listed. Documentation has no hash, so that it may be edited. */
export const isHashed = (name: string) => name !== listName && name !== 'README.md' && !name.startsWith('.');

/** The hash of each listed file, in hexadecimal digits. */
export function parseChecksums(text: string): Map<string, string> {
  const lines = text.matchAll(/^([0-9a-f]{64}) [ *]([^/\\\n]+)$/gm);
  return new Map([...lines].map(([, hash, name]) => [name!, hash!]));
}
