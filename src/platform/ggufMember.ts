/** Paths of files in GGUF files: `model.gguf/config.json`. */

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
