/** A buffer for what is needed until the next time: buffers of their own would wait, by the tens of megabytes, to be collected. */
export class Scratch {
  #bytes = new Uint8Array(0);

  /** So many bytes at the beginning of a buffer, with undefined content. The next call overwrites them. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }
}
