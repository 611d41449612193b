/** Damage to bytes, as disks, networks and attackers do it. */
import type { SeededRandom } from '../../src/text/seededRandom.ts';

const pieces = [
  ...['{', '}', '[', ']', '"', ',', ':', '-1', '0', '1e999', '9007199254740993', 'null', 'true', '""'],
  ...['{{', '}}', '{%', '%}', '\\u0000', '\\ud800', '__proto__', '../', '"x":'],
].map((text) => new TextEncoder().encode(text));

/** A damaged copy: one to four changes, mostly few, so that what is left of the sense is read too. */
export function mutated(sample: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes: Uint8Array = sample.slice();
  for (let left = 1 + random.integer(1 + random.integer(4)); left > 0; left--) bytes = change(bytes, random);
  return bytes;
}

function change(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.integer(bytes.length + 1);
  const length = random.integer(1 + Math.min(64, bytes.length - at));
  switch (random.integer(8)) {
    case 0: // a flipped bit
      if (at < bytes.length) bytes[at]! ^= 1 << random.integer(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.integer(256);
      return bytes;
    case 2: // cut off
      return bytes.slice(0, at);
    case 3: // a hole
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 4: // doubled
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 5: // moved
      return joined(bytes.subarray(at), bytes.subarray(0, at));
    case 6: // a piece of syntax, perhaps many
      return joined(
        bytes.subarray(0, at),
        ...Array<Uint8Array>(1 + random.integer(3)).fill(pieces[random.integer(pieces.length)]!),
        bytes.subarray(at),
      );
    default: // a length or a number that is extreme
      if (at + 4 <= bytes.length) bytes.set([0xff, 0xff, 0xff, random.integer(2) ? 0x7f : 0xff], at);
      return bytes;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
