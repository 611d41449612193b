/**
 * Copies from the host to device memory, through reused buffers that stay mapped while free, as reads do (see
 * staging.ts). The queue's own `writeBuffer` allocates for each large piece: 0.8 GB/s on an H200, where reads reached 8.
 */
import { BufferPool } from './bufferPool.ts';
import { type Place, usage } from './memory.ts';

/** Larger copies are split into pieces of this size. */
const pieceBytes = 2 ** 24;
/** Smaller copies use the queue's `writeBuffer`. */
const minBytes = 2 ** 20;
/** Limit for all buffers; while all are in flight, the queue's `writeBuffer` is used. */
const maxBytes = 2 ** 27;

export class Uploads {
  readonly #device: GPUDevice;
  /** Free buffers are mapped. */
  readonly #pool: BufferPool;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pool = new BufferPool(device, {
      label: 'upload',
      usage: usage.mapWrite | usage.copySource,
      mapped: true,
      minBytes,
      maxBytes,
    });
    // A lost device has unmapped the buffers; its queue accepts the write, without effect.
    device.lost.then(() => this.#pool.close());
  }

  /** Writes to a place, in the order of queue submissions; a last partial word is padded with zeros. */
  write({ buffer, offset }: Place, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      const piece = wholeWords(bytes.subarray(start, start + pieceBytes));
      const staging = piece.length >= minBytes ? this.#pool.take(piece.length) : undefined;
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
    // Mapped again after the copy; never, if the device is lost before.
    staging.mapAsync(2).then(
      () => this.#pool.give(staging),
      () => {},
    );
  }
}

/** The bytes, padded with zeros to whole words. */
function wholeWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length % 4 === 0) return bytes as Uint8Array<ArrayBuffer>;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}
