/** Recognises files that often arrive in place of the wanted ones, by their first bytes. */
import { InputError } from './errors.ts';

/** Bytes to pass to `refuseWrongFile`: enough for a Git LFS pointer, and for the title of most web pages. */
export const startBytes = 1024;

interface WrongFile {
  readonly found: string;
  readonly remedy: string;
}

/**
 * Refuses a Git LFS or git-annex pointer and a web page.
 * @param start the first bytes of the file, at most `startBytes` are read
 * @param where what the error calls the source, e.g. a path
 * @param expected what the file should be
 * @throws InputError naming what was found and how to get the file itself
 */
export function refuseWrongFile(start: Uint8Array, where: string, expected: string): void {
  const text = textOf(start);
  refuse(pointerIn(text) ?? webPageIn(text), where, expected);
}

/** Like `refuseWrongFile`, for a file that should hold weights: refuses other formats of weights and any text too. */
export function refuseNoWeights(start: Uint8Array, where: string, expected: string): void {
  refuseWrongFile(start, where, expected);
  refuse(otherWeightsIn(start) ?? plainTextIn(textOf(start)), where, expected);
}

function refuse(wrong: WrongFile | undefined, where: string, expected: string): void {
  if (wrong) throw new InputError(`${where}: found ${wrong.found}, expected ${expected}; ${wrong.remedy}`);
}

/** Bytes as characters; only ASCII is compared. */
function textOf(start: Uint8Array): string {
  return new TextDecoder().decode(start.subarray(0, startBytes));
}

function pointerIn(text: string): WrongFile | undefined {
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    const size = /^size (\d{1,20})$/m.exec(text)?.[1];
    return {
      found: `a Git LFS pointer${size ? ` to ${size} bytes` : ''}`,
      remedy: 'run "git lfs pull" in its repository, or download the file itself',
    };
  }
  if (/^(\/annex\/objects\/|(\.\.\/)*\.git\/annex\/objects\/)/.test(text)) {
    return { found: 'a git-annex pointer', remedy: 'run "git annex get" in its repository' };
  }
  return undefined;
}

function webPageIn(text: string): WrongFile | undefined {
  const page = text.trimStart();
  const remedy = 'the download failed or saved a page about the file; download the file itself';
  if (/^(<!--.*?-->\s*)?<(!doctype\s+html|html|head)\b/is.test(page)) {
    const title = /<title[^>]*>\s*([^<]{1,80}?)\s*<\/title>/is.exec(page)?.[1];
    return { found: `an HTML page${title ? ` titled ${quoted(title)}` : ''}`, remedy };
  }
  if (!page.startsWith('<?xml')) return undefined;
  const message = /<Message>([^<]{1,80})<\/Message>/.exec(page)?.[1];
  return { found: `an XML document${message ? ` saying ${quoted(message)}` : ''}`, remedy };
}

function otherWeightsIn(start: Uint8Array): WrongFile | undefined {
  const remedy = 'download the safetensors file, or convert the weights with the tools of their format';
  const begins = (...bytes: number[]) => bytes.every((byte, at) => start[at] === byte);
  if (begins(0x47, 0x47, 0x55, 0x46))
    return { found: 'a GGUF file', remedy: 'name it as the model, with a name that ends in .gguf' };
  if (begins(0x50, 0x4b, 0x03, 0x04)) return { found: 'a ZIP archive, such as a PyTorch checkpoint', remedy };
  if (begins(0x80, 0x02)) return { found: 'pickled Python objects', remedy };
  if (begins(0x1f, 0x8b)) return { found: 'a gzip file', remedy: 'unpack it first' };
  return undefined;
}

/** Servers answer "Entry not found" where a file should be. */
function plainTextIn(text: string): WrongFile | undefined {
  if (!/^[\x20-\x7e\s]{8}/.test(text)) return undefined;
  return { found: `the text ${quoted(text)}`, remedy: 'download the file itself' };
}

function quoted(text: string): string {
  const line = text.replaceAll(/[^\x21-\x7e]+/g, ' ').trim();
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}...` : line);
}
