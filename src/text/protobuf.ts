/** Reads the wire format of protocol buffers: a message is a list of numbered fields. */
import { InputError } from '../errors.ts';

/** `value` is the integer of a varint, or the bytes of the other wire types: 8, 4, or as many as a length says. */
export type Field = { number: number } & (
  | { wire: 'varint'; value: bigint }
  | { wire: 'bytes'; value: Uint8Array }
);

/**
 * Yields the fields of a message in order. Bytes are views of `message`, so a length field cannot cause an allocation.
 * @param source name of the message for errors
 * @throws {InputError} if the bytes are not a message
 */
export function* readFields(message: Uint8Array, source: string): Generator<Field> {
  const cursor = { at: 0 };
  while (cursor.at < message.length) {
    const start = cursor.at;
    const key = readVarint(message, cursor, source);
    const number = Number(key >> 3n);
    if (number === 0)
      throw new InputError(`${source}: byte ${start}: found field number 0, expected 1 or more`);
    const wireType = Number(key & 7n);
    if (wireType === 0) {
      yield { number, wire: 'varint', value: readVarint(message, cursor, source) };
      continue;
    }
    const length = lengthOf(wireType, message, cursor, source);
    if (length > message.length - cursor.at) {
      throw new InputError(
        `${source}: byte ${start}: field ${number} has ${length} bytes, but only ${message.length - cursor.at} follow`,
      );
    }
    yield { number, wire: 'bytes', value: message.subarray(cursor.at, cursor.at + length) };
    cursor.at += length;
  }
}

function lengthOf(wireType: number, message: Uint8Array, cursor: { at: number }, source: string): number {
  if (wireType === 1) return 8;
  if (wireType === 2) return Number(readVarint(message, cursor, source));
  if (wireType === 5) return 4;
  throw new InputError(`${source}: byte ${cursor.at}: found wire type ${wireType}, expected 0, 1, 2 or 5`);
}

function readVarint(message: Uint8Array, cursor: { at: number }, source: string): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = message[cursor.at++];
    if (byte === undefined)
      throw new InputError(`${source}: ends inside a number, at byte ${message.length}`);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new InputError(`${source}: byte ${cursor.at}: found a number of more than 10 bytes`);
}
