/**
 * Reads waveforms as VCD (IEEE 1364, clause 18) while they are written, and counts how the signals that were asked for change.
 * Files of a whole program have gigabytes, so nothing is kept but counts.
 */
import { InputError } from '../../src/errors.ts';

export interface Watch {
  readonly width: number;
  /** Bits, lowest first: 0, 1, or 2 where it is unknown. */
  readonly value: Uint8Array;
  /** Bits that went from 0 to 1 or back. */
  toggles: number;
  /** How often the value changed, from its first one on. */
  changes: number;
}

export interface VcdOptions {
  /** Which signals to count, by their scopes and name, joined by points. */
  readonly wanted: (path: string) => boolean;
  /** Called with a time when all changes of this time were read. */
  readonly onTime?: (time: number) => void;
}

const [zero, one, unknown] = [0, 1, 2];
const space = 0x20;
/** Of an identifier: printable characters. */
const [firstCode, lastCode] = [0x21, 0x7e];
const longestToken = 1 << 20;

const isSpace = (byte: number) => byte <= space;

function bitOf(byte: number): number | undefined {
  if (byte === 0x30) return zero;
  if (byte === 0x31) return one;
  return byte === 0x78 || byte === 0x58 || byte === 0x7a || byte === 0x5a ? unknown : undefined; // x X z Z
}

export class VcdReader {
  /** What was counted, by path. Names of one net share a watch. */
  readonly signals = new Map<string, Watch>();
  readonly #options: VcdOptions;
  readonly #byCode = new Map<number, Watch>();
  readonly #scopes: string[] = [];
  /** Words of a declaration that has not ended yet. */
  #declaration: string[] | undefined;
  #inHeader = true;
  /** Digits of a vector whose identifier comes next. */
  #digits: Uint8Array | undefined;
  #skipsComment = false;
  #isReal = false;
  #time: number | undefined;
  #rest = new Uint8Array(0);

  constructor(options: VcdOptions) {
    this.#options = options;
  }

  /** @throws InputError where this is no VCD */
  write(chunk: Uint8Array): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (!isSpace(bytes[at]!)) continue;
      if (at > start) this.#token(bytes.subarray(start, at));
      start = at + 1;
    }
    this.#rest = bytes.slice(start);
    if (this.#rest.length > longestToken) {
      throw new InputError(`VCD: found a word of more than ${longestToken} characters, expected a value`);
    }
  }

  /** @throws InputError if the file was cut off */
  end(): void {
    if (this.#rest.length > 0) this.write(Uint8Array.of(space));
    if (this.#inHeader) throw new InputError('VCD: found the end of the file, expected $enddefinitions');
    if (this.#digits) throw new InputError('VCD: found the end of the file, expected an identifier');
    if (this.#time !== undefined) this.#options.onTime?.(this.#time);
  }

  #token(token: Uint8Array): void {
    if (this.#inHeader) this.#headerWord(Buffer.from(token).toString('latin1'));
    else if (this.#skipsComment) this.#skipsComment = Buffer.from(token).toString('latin1') !== '$end';
    else if (this.#digits) this.#vector(this.#digits, token);
    else this.#change(token);
  }

  #headerWord(word: string): void {
    if (this.#declaration === undefined) {
      if (!/^\$\w+$/.test(word)) throw new InputError(`VCD: found ${quote(word)}, expected a declaration`);
      this.#declaration = [word];
    } else if (word !== '$end') {
      this.#declaration.push(word);
    } else {
      const [keyword, ...words] = this.#declaration;
      this.#declaration = undefined;
      this.#declare(keyword!, words);
    }
  }

  #declare(keyword: string, words: readonly string[]): void {
    if (keyword === '$scope') this.#scopes.push(words[1] ?? '');
    if (keyword === '$upscope') this.#scopes.pop();
    if (keyword === '$enddefinitions') this.#inHeader = false;
    if (keyword !== '$var') return;
    const [, bits, code, name] = words;
    const width = Number(bits);
    if (!(Number.isInteger(width) && width > 0 && width <= longestToken) || !code || !name) {
      throw new InputError(
        `VCD: found ${quote(`$var ${words.join(' ')}`)}, expected type, width, identifier, name`,
      );
    }
    const path = [...this.#scopes, name].join('.');
    if (!this.#options.wanted(path)) return;
    const key = codeOf(Buffer.from(code, 'latin1'), 0);
    const watch = this.#byCode.get(key) ?? {
      ...{ width, value: new Uint8Array(width).fill(unknown) },
      ...{ toggles: 0, changes: 0 },
    };
    if (watch.width !== width) {
      throw new InputError(`VCD: found ${path} with ${width} bits, expected ${watch.width}`);
    }
    this.#byCode.set(key, watch);
    this.signals.set(path, watch);
  }

  #change(token: Uint8Array): void {
    const first = token[0]!;
    if (first === 0x23)
      this.#advance(token); // #
    else if (first === 0x62 || first === 0x42 || first === 0x72 || first === 0x52) {
      this.#isReal = first === 0x72 || first === 0x52;
      this.#digits = token.slice(1); // b, B; r, R
    } else if (first === 0x24) {
      this.#command(Buffer.from(token).toString('latin1')); // $
    } else {
      this.#set(this.#byCode.get(codeOf(token, 1)), token.subarray(0, 1));
    }
  }

  #advance(token: Uint8Array): void {
    const time = Number(Buffer.from(token.subarray(1)).toString('latin1'));
    if (!Number.isInteger(time) || time < (this.#time ?? 0)) {
      throw new InputError(
        `VCD: found time ${quote(Buffer.from(token).toString('latin1'))}, expected a later one`,
      );
    }
    if (this.#time !== undefined && time !== this.#time) this.#options.onTime?.(this.#time);
    this.#time = time;
  }

  #command(word: string): void {
    if (word === '$comment') this.#skipsComment = true;
    else if (!/^\$(dumpvars|dumpon|dumpoff|dumpall|end)$/.test(word)) {
      throw new InputError(`VCD: found ${quote(word)}, expected a value change`);
    }
  }

  #vector(digits: Uint8Array, token: Uint8Array): void {
    this.#digits = undefined;
    if (!this.#isReal) this.#set(this.#byCode.get(codeOf(token, 0)), digits);
  }

  /** Digits are the highest first, and may lack leading ones: 0, or x or z like the first that is there. */
  #set(watch: Watch | undefined, digits: Uint8Array): void {
    const leading = bitOf(digits[0] ?? 0);
    if (leading === undefined) {
      throw new InputError(`VCD: found ${quote(Buffer.from(digits).toString('latin1'))}, expected a value`);
    }
    if (!watch) return;
    const { value, width } = watch;
    if (digits.length > width) {
      throw new InputError(`VCD: found a value of ${digits.length} bits, expected at most ${width}`);
    }
    let [toggles, differs, wasKnown] = [0, false, false];
    for (let i = 0; i < width; i++) {
      const at = digits.length - 1 - i;
      const bit = at >= 0 ? bitOf(digits[at]!) : leading === unknown ? unknown : zero;
      if (bit === undefined) {
        throw new InputError(`VCD: found ${quote(Buffer.from(digits).toString('latin1'))}, expected bits`);
      }
      const before = value[i]!;
      if (before !== unknown) wasKnown = true;
      if (bit === before) continue;
      differs = true;
      if (bit !== unknown && before !== unknown) toggles++;
      value[i] = bit;
    }
    watch.toggles += toggles;
    if (differs && wasKnown) watch.changes++;
  }
}

/** An identifier as a number: there is one at the end of every value change. */
function codeOf(token: Uint8Array, from: number): number {
  let code = 0;
  for (let at = from; at < token.length; at++) {
    const byte = token[at]!;
    if (byte < firstCode || byte > lastCode) code = Number.NaN;
    code = code * (lastCode - firstCode + 2) + (byte - firstCode + 1);
  }
  if (code > 0 && code < Number.MAX_SAFE_INTEGER) return code;
  throw new InputError(
    `VCD: found ${quote(Buffer.from(token).toString('latin1'))}, expected an identifier of one to seven printable characters`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
