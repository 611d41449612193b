/** Copies from device memory to the host, through buffers that are used again. */
import type { Place } from './memory.ts';
import { usage } from './memory.ts';

/** Larger reads go in pieces of this size. */
const mostBytes = 2 ** 26;
const leastBytes = 2 ** 16;

export class Staging {
  readonly #device: GPUDevice;
  readonly #free: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Copies `target.length` bytes from a place into `target`. */
  async read({ buffer, offset }: Place, target: Uint8Array): Promise<void> {
    for (let start = 0; start < target.length; start += mostBytes) {
      const part = target.subarray(start, start + mostBytes);
      await this.#readPart({ buffer, offset: offset + start }, part);
    }
  }

  async #readPart({ buffer, offset }: Place, target: Uint8Array): Promise<void> {
    const bytes = Math.ceil(target.length / 4) * 4; // copies are of whole words
    const staging = this.#take(bytes);
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1, 0, bytes); // 1: to read
    target.set(new Uint8Array(staging.getMappedRange(0, bytes), 0, target.length));
    staging.unmap();
    this.#free.push(staging);
  }

  #take(bytes: number): GPUBuffer {
    const index = this.#free.findIndex(({ size }) => size >= bytes);
    if (index >= 0) return this.#free.splice(index, 1)[0]!;
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, leastBytes)));
    return this.#device.createBuffer({ label: 'staging', size, usage: usage.mapRead | usage.copyTarget });
  }
}
