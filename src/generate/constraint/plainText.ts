/**
 * Characters that stand in a string of JSON as they are: most of what models write. Inside a string each of them leads to
 * the same state, so tokens of such characters need no walk: how many characters may follow is all that matters.
 */
import type { Machine, State } from './machine.ts';

type ByteRange = readonly [from: number, to: number];

const tail: ByteRange = [0x80, 0xbf];
/** Their bytes, by the first one. */
const spellings: readonly (readonly ByteRange[])[] = [
  ...([[[0x20, 0x21]], [[0x23, 0x5b]], [[0x5d, 0x7f]], [[0xc2, 0xdf], tail]] as const),
  ...([
    [[0xe0, 0xe0], [0xa0, 0xbf], tail],
    [[0xe1, 0xec], tail, tail],
    [[0xed, 0xed], [0x80, 0x9f], tail],
  ] as const),
  ...([
    [[0xee, 0xef], tail, tail],
    [[0xf0, 0xf0], [0x90, 0xbf], tail, tail],
  ] as const),
  ...([
    [[0xf1, 0xf3], tail, tail, tail],
    [[0xf4, 0xf4], [0x80, 0x8f], tail, tail],
  ] as const),
];

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** How many such characters the bytes are; undefined if they are anything else. */
export function plainLength(bytes: Uint8Array): number | undefined {
  if (bytes.some((byte) => byte < 0x20 || byte === 0x22 || byte === 0x5c)) return undefined;
  try {
    return [...strict.decode(bytes)].length;
  } catch {
    return undefined;
  }
}

export class PlainText {
  readonly #machine: Machine;
  /** For each spelling and byte of it the classes that occur. */
  readonly #classes: readonly (readonly (readonly number[])[])[];
  readonly #next = new WeakMap<State, { readonly state: State | null | undefined }>();

  constructor(machine: Machine) {
    this.#machine = machine;
    const { classOf } = machine.automaton;
    this.#classes = spellings.map((ranges) =>
      ranges.map(([from, to]) => [...new Set(classOf.subarray(from, to + 1))]),
    );
  }

  /** How many characters, up to `max`, may follow, whichever they are; undefined if it matters which. */
  room(start: State, max: number): number | undefined {
    let state = start;
    for (let count = 0; count < max; count++) {
      const next = this.#after(state);
      if (next === undefined) return undefined;
      if (next === null) return count;
      state = next;
    }
    return max;
  }

  /** The state after any one character, null if none may follow; undefined if it matters which. */
  #after(state: State): State | null | undefined {
    const known = this.#next.get(state);
    if (known) return known.state;
    const found = this.#commonAfter(state);
    this.#next.set(state, { state: found });
    return found;
  }

  #commonAfter(start: State): State | null | undefined {
    let common: State | null | undefined;
    for (const classes of this.#classes) {
      let states: readonly (State | null)[] = [start];
      for (const possible of classes)
        states = unique(
          states.flatMap((state) => possible.map((one) => state && this.#machine.step(state, one))),
        );
      if (states.length > 1) return undefined;
      common ??= states[0];
      if (common !== states[0]) return undefined;
    }
    return common;
  }
}

function unique<T>(items: readonly T[]): T[] {
  return items.length < 2 ? [...items] : [...new Set(items)];
}
