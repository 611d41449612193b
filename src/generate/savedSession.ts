/**
 * A session as bytes, to store in a file or a database. The same model can restore it.
 *
 *     offset  0  "PM-STATE"
 *             8  u32  version of this layout
 *            12  u32  fingerprint of the model
 *            16  u32  count of unread tokens, then u32 of recent tokens, then u32 of numbers in the state
 *            28  f64  tokens of the session
 *            36  i32  unread tokens, i32 recent tokens, f32 state
 *        at end  u32  CRC-32 of all bytes before
 *
 * Little-endian. The bytes are untrusted, so every length is checked against the actual bytes.
 */
import { InputError } from '../errors.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import { checkTokens } from '../run/steps.ts';
import { Checksum } from './checksum.ts';

export interface SavedSession {
  /** Number of tokens in the session. */
  readonly tokens: number;
  /** The last tokens, which the state has not read. */
  readonly unread: readonly number[];
  /** The latest tokens, unread ones included. */
  readonly recent: readonly number[];
  readonly state: SequenceState;
}

/** Properties that a restored session must match. */
export interface SessionOwner {
  readonly fingerprint: number;
  readonly vocabulary: number;
  /** Numbers in the state. */
  readonly stateSize: number;
}

const magic = new TextEncoder().encode('PM-STATE');
const version = 1;
const headerBytes = 36;

export function encodeSession(saved: SavedSession, fingerprint: number): Uint8Array {
  const { tokens, unread, recent, state } = saved;
  const body = headerBytes + 4 * (unread.length + recent.length + state.length);
  const bytes = new Uint8Array(body + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  [version, fingerprint, unread.length, recent.length, state.length].forEach((word, index) => {
    view.setUint32(8 + 4 * index, word, true);
  });
  view.setFloat64(28, tokens, true);
  [...unread, ...recent].forEach((id, index) => {
    view.setInt32(headerBytes + 4 * index, id, true);
  });
  const stateStart = body - 4 * state.length;
  for (let i = 0; i < state.length; i++) view.setFloat32(stateStart + 4 * i, state[i]!, true);
  view.setUint32(body, new Checksum().add(bytes.subarray(0, body)).value, true);
  return bytes;
}

/** @throws InputError for bytes that are not a session: truncated, damaged, of a newer version or of another model */
export function decodeSession(bytes: Uint8Array, owner: SessionOwner): SavedSession {
  if (!(bytes instanceof Uint8Array)) throw refused(`expected the Uint8Array that save() returned`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { fingerprint, unread, recent, stateSize, tokens } = readHeader(view, bytes);
  if (fingerprint !== owner.fingerprint || stateSize !== owner.stateSize) {
    throw refused(
      `it belongs to another model (fingerprint ${hex(fingerprint)}, ${stateSize} numbers; ` +
        `this one has ${hex(owner.fingerprint)}, ${owner.stateSize}); restore it with the model that saved it`,
    );
  }
  const ids = Array.from({ length: unread + recent }, (_, i) => view.getInt32(headerBytes + 4 * i, true));
  const stateStart = headerBytes + 4 * ids.length;
  const state = Float32Array.from({ length: stateSize }, (_, i) => view.getFloat32(stateStart + 4 * i, true));
  checkTokens(ids, owner.vocabulary);
  if (!Number.isSafeInteger(tokens) || tokens < Math.max(unread, recent) || (tokens > 0 && unread === 0)) {
    throw refused(`it declares ${tokens} tokens, ${unread} of them unread and ${recent} recent`);
  }
  if (!state.every(Number.isFinite)) throw refused('its state has numbers that are not finite');
  return { tokens, unread: ids.slice(0, unread), recent: ids.slice(unread), state };
}

function readHeader(view: DataView, bytes: Uint8Array) {
  if (bytes.length < headerBytes + 4 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw refused(`${bytes.length} bytes do not begin like one; expected those that save() returned`);
  }
  const word = (index: number) => view.getUint32(8 + 4 * index, true);
  if (word(0) !== version) {
    throw refused(
      `its version is ${word(0)}, this program reads version ${version}; restore it with a newer plusminus`,
    );
  }
  const [fingerprint, unread, recent, stateSize] = [word(1), word(2), word(3), word(4)];
  const body = headerBytes + 4 * (unread + recent + stateSize);
  if (bytes.length !== body + 4) {
    throw refused(`found ${bytes.length} bytes, expected ${body + 4}; it was truncated or altered`);
  }
  if (view.getUint32(body, true) !== new Checksum().add(bytes.subarray(0, body)).value) {
    throw refused('its checksum does not match; it was damaged in storage or transfer');
  }
  return { fingerprint, unread, recent, stateSize, tokens: view.getFloat64(28, true) };
}

function refused(reason: string): InputError {
  return new InputError(`saved session: ${reason}`);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
