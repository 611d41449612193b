/** Names of GGUF files, of their parts, and of the files that are made from their metadata: `model.gguf/config.json`. */

const member = /^(.*\.gguf)[\\/]([^\\/]+)$/i;

/** The GGUF file and the name of the file in it; undefined for other paths. */
export function ggufMember(path: string): { readonly source: string; readonly name: string } | undefined {
  const [, source, name] = member.exec(path) ?? [];
  return source === undefined || name === undefined ? undefined : { source, name };
}

/** Whether a model's path is that of a GGUF file. */
export function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path);
}

const part = /-(\d{5})-of-(\d{5})(\.gguf)$/i;

/** Whether a file is a GGUF file that stands for a model: not one of the further parts of a split one. */
export function isFirstGguf(path: string): boolean {
  return isGguf(path) && Number(part.exec(path)?.[1] ?? 1) === 1;
}

/** The names of all parts of a split file, given any; the name itself if it is not split. */
export function ggufParts(path: string): string[] {
  const [ending, , count = '', extension] = part.exec(path) ?? [];
  if (ending === undefined) return [path];
  return Array.from(
    { length: Number(count) },
    (_, k) => `${path.slice(0, -ending.length)}-${String(k + 1).padStart(5, '0')}-of-${count}${extension}`,
  );
}
