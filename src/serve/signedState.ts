/**
 * A session that a client stores and can send to any replica: its bytes, the model's hash and a signature, as one line of
 * text. Making or changing one requires the secret; one of another model is refused by name.
 *
 *     "pms1." base64url( 32 bytes of the model's hash, the saved session, 32 bytes of HMAC-SHA-256 )
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { InputError } from '../errors.ts';
import {
  decodeSession,
  encodeSession,
  type SavedSession,
  type SessionOwner,
} from '../generate/savedSession.ts';

const prefix = 'pms1.';
const hashBytes = 32;

export class StateSigner {
  readonly #secret: Uint8Array;
  readonly #model: Uint8Array;
  readonly #owner: SessionOwner;

  /**
   * @param secret shared by all replicas, at least 16 bytes
   * @param model 32 bytes that identify the model
   */
  constructor(secret: Uint8Array, model: Uint8Array, owner: SessionOwner) {
    if (secret.length < 16)
      throw new InputError(`secret: found ${secret.length} bytes, expected at least 16`);
    this.#secret = secret;
    this.#model = model;
    this.#owner = owner;
  }

  sign(session: SavedSession): string {
    const body = Buffer.concat([this.#model, encodeSession(session, this.#owner.fingerprint)]);
    return prefix + Buffer.concat([body, this.#hmac(body)]).toString('base64url');
  }

  /** @throws InputError if it is not a state, was altered, is signed with another secret or belongs to another model */
  verify(state: string): SavedSession {
    if (!state.startsWith(prefix))
      throw new InputError(`state: expected the text that this server returned, which begins with ${prefix}`);
    const text = state.slice(prefix.length);
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.toString('base64url') !== text || bytes.length < 2 * hashBytes)
      throw new InputError('state: it is truncated or altered');
    const body = bytes.subarray(0, -hashBytes);
    if (!timingSafeEqual(this.#hmac(body), bytes.subarray(-hashBytes)))
      throw new InputError('state: its signature is wrong; it was altered, or signed with another secret');
    if (!timingSafeEqual(this.#model, body.subarray(0, hashBytes)))
      throw new InputError(
        `state: it belongs to the model ${body.subarray(0, 6).toString('hex')}, this one is ` +
          `${Buffer.from(this.#model.subarray(0, 6)).toString('hex')}`,
      );
    return decodeSession(body.subarray(hashBytes), this.#owner);
  }

  #hmac(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#secret).update('plusminus state 1\0').update(body).digest();
  }
}
