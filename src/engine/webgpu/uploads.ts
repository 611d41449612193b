/**
 * Copies from the host to device memory, through buffers that are used again and stay mapped until then, as reads do
 * (see staging.ts). The queue's own `writeBuffer` takes new memory for each large piece: 0.8 GB/s on an H200, while reads
 * reached 8.
 */
import { BufferPool } from './bufferPool.ts';
import { type Place, usage } from './memory.ts';

/** Larger copies go in pieces of this size. */
const pieceBytes = 2 ** 24;
/** Smaller ones are the queue's business. */
const leastBytes = 2 ** 20;
/** Of all buffers; when those are on their way, the queue takes what comes. */
const mostBytes = 2 ** 27;

export class Uploads {
  readonly #device: GPUDevice;
  /** Free ones are mapped. */
  readonly #pool: BufferPool;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pool = new BufferPool(device, {
      label: 'upload',
      usage: usage.mapWrite | usage.copySource,
      mapped: true,
      leastBytes,
      mostBytes,
    });
    // A lost device has unmapped them; its queue takes what comes, to no effect.
    device.lost.then(() => this.#pool.close());
  }

  /** Writes to a place, in the order of what is submitted to the queue; what lacks of a last word is zeros. */
  write({ buffer, offset }: Place, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      const piece = wholeWords(bytes.subarray(start, start + pieceBytes));
      const staging = piece.length >= leastBytes ? this.#pool.take(piece.length) : undefined;
      if (staging) this.#copy(staging, piece, { buffer, offset: offset + start });
      else this.#device.queue.writeBuffer(buffer, offset + start, piece);
    }
  }

  #copy(staging: GPUBuffer, piece: Uint8Array, { buffer, offset }: Place): void {
    new Uint8Array(staging.getMappedRange()).set(piece);
    staging.unmap();
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(staging, 0, buffer, offset, piece.length);
    this.#device.queue.submit([encoder.finish()]);
    // Mapped again once the copy is done; never, if the device is gone by then.
    staging.mapAsync(2).then(
      () => this.#pool.give(staging),
      () => {},
    );
  }
}

/** The bytes, with zeros up to a whole number of words. */
function wholeWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length % 4 === 0) return bytes as Uint8Array<ArrayBuffer>;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}
