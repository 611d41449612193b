/**
 * A text's state as bytes:
 *
 *     "PM-CACHE", u32 version, 32 bytes of the model's hash, u32 count of tokens, u32 of numbers in the state,
 *     i32 tokens, f32 state, u32 CRC-32 of all bytes before
 */
import { Checksum } from '../generate/checksum.ts';
import type { SequenceState } from '../run/sequenceReader.ts';

/** The model whose states are stored. */
export interface StateOwner {
  /** 32 bytes that identify the model. */
  readonly model: Uint8Array;
  /** Numbers in a state. */
  readonly stateSize: number;
}

export interface StateEntry {
  readonly tokens: readonly number[];
  readonly state: SequenceState;
}

const magic = new TextEncoder().encode('PM-CACHE');
const version = 1;
const headerBytes = 8 + 4 + 32 + 8;

export function encodeState({ model }: StateOwner, { tokens, state }: StateEntry): Uint8Array {
  const body = headerBytes + 4 * (tokens.length + state.length);
  const bytes = new Uint8Array(body + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(8, version, true);
  bytes.set(model, 12);
  view.setUint32(44, tokens.length, true);
  view.setUint32(48, state.length, true);
  bytes.set(new Uint8Array(Int32Array.from(tokens).buffer), headerBytes);
  const stateBytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
  bytes.set(stateBytes, headerBytes + 4 * tokens.length);
  view.setUint32(body, new Checksum().add(bytes.subarray(0, body)).value, true);
  return bytes;
}

/** Returns undefined if the bytes are damaged, truncated or of another model. */
export function decodeState({ model, stateSize }: StateOwner, bytes: Uint8Array): StateEntry | undefined {
  if (bytes.length < headerBytes + 4 || magic.some((byte, i) => bytes[i] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [count, size] = [view.getUint32(44, true), view.getUint32(48, true)];
  const body = headerBytes + 4 * (count + size);
  const isOurs =
    view.getUint32(8, true) === version &&
    model.every((byte, i) => bytes[12 + i] === byte) &&
    size === stateSize &&
    bytes.length === body + 4 &&
    view.getUint32(body, true) === new Checksum().add(bytes.subarray(0, body)).value;
  if (!isOurs) return undefined;
  const from = bytes.byteOffset + headerBytes;
  const content = bytes.buffer.slice(from, bytes.byteOffset + body) as ArrayBuffer;
  return { tokens: [...new Int32Array(content, 0, count)], state: new Float32Array(content, 4 * count) };
}
