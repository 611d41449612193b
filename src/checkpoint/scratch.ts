/** A buffer for what is needed until the next time: buffers of their own would wait, by the tens of megabytes, to be collected. */
export class Scratch {
  #bytes = new Uint8Array(0);

  /** So many bytes at the beginning of a buffer, with undefined content. The next call overwrites them. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }

  /** Gives the memory back. */
  free(): void {
    freeMemory(this.#bytes);
    this.#bytes = new Uint8Array(0);
  }
}

/** Frees the buffer of an array at once: it is empty afterwards. Left to be collected, it may stay for a whole generation. */
export function freeMemory({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}
