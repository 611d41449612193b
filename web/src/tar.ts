/** Several files as one, in the form that `tar -xf` unpacks (ustar): a header of 512 bytes before each file. */

const block = 512;
const field = { name: [0, 100], mode: [100, 8], size: [124, 12], sum: [148, 8], magic: [257, 8] } as const;

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** @throws RangeError for a name of more than 100 bytes */
export function tarOf(files: readonly NamedBytes[]): Blob {
  const parts = files.flatMap(({ name, bytes }) => {
    const padding = new Uint8Array((block - (bytes.length % block)) % block);
    return [headerOf(name, bytes.length), bytes, padding];
  });
  return new Blob([...parts, new Uint8Array(2 * block)], { type: 'application/x-tar' });
}

function headerOf(name: string, size: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(block);
  const put = ([start, length]: readonly [number, number], text: string) => {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > length) throw new RangeError(`${name}: expected at most ${length} bytes`);
    header.set(bytes, start);
  };
  put(field.name, name);
  put(field.mode, '0000644\0');
  put(field.size, `${octal(size, 11)}\0`);
  put(field.magic, 'ustar\x0000');
  header[156] = '0'.charCodeAt(0); // a plain file
  put(field.sum, ' '.repeat(8)); // counted as spaces
  put(field.sum, `${octal(sumOf(header), 6)}\0 `);
  return header;
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
const sumOf = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + byte, 0);

/**
 * The plain files in an archive, without their folders. They share its bytes.
 * @throws Error if it is no archive or ends early
 */
export async function filesInTar(archive: Blob): Promise<File[]> {
  const files: File[] = [];
  for (let at = 0; at + block <= archive.size; ) {
    const header = new Uint8Array(await archive.slice(at, at + block).arrayBuffer());
    if (header.every((byte) => byte === 0)) return files;
    const text = ([start, length]: readonly [number, number]) =>
      new TextDecoder().decode(header.subarray(start, start + length)).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(field.size), 8);
    const end = at + block + size;
    if (!text(field.magic).startsWith('ustar') || !(size >= 0) || end > archive.size) {
      throw new Error(`Found no file at byte ${at}, expected a tar archive with the files of a model`);
    }
    const isFile = header[156] === 0 || header[156] === '0'.charCodeAt(0);
    if (isFile) {
      const name = text(field.name).split('/').at(-1)!;
      files.push(new File([archive.slice(at + block, end)], name));
    }
    at += block + Math.ceil(size / block) * block;
  }
  throw new Error('The file ends early: expected a whole tar archive with the files of a model');
}
