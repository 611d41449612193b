/** Copies from device memory to the host, through reused buffers. */
import { BufferPool } from './bufferPool.ts';
import type { Place } from './memory.ts';
import { usage } from './memory.ts';

/** Larger reads are split into pieces of this size. */
const maxBytes = 2 ** 26;
const minBytes = 2 ** 16;

/** A copy to the host: a number of bytes from a place. */
export interface StagedCopy {
  readonly place: Place;
  readonly target: Uint8Array;
}

export class Staging {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;

  constructor(device: GPUDevice) {
    this.#device = device;
    const kind = usage.mapRead | usage.copyTarget;
    this.#pool = new BufferPool(device, { label: 'staging', usage: kind, minBytes });
  }

  /** Copies `target.length` bytes from a place into `target`. */
  async read({ buffer, offset }: Place, target: Uint8Array): Promise<void> {
    for (let start = 0; start < target.length; start += maxBytes) {
      const part = target.subarray(start, start + maxBytes);
      const encoder = this.#device.createCommandEncoder();
      const staged = this.stage(encoder, [{ place: { buffer, offset: offset + start }, target: part }]);
      this.#device.queue.submit([encoder.finish()]);
      await staged?.arrive();
    }
  }

  /** Encodes copies to one buffer; once the encoder's commands are submitted, `arrive` fills the targets. */
  stage(encoder: GPUCommandEncoder, copies: readonly StagedCopy[]): { arrive(): Promise<void> } | undefined {
    const starts: number[] = [];
    let bytes = 0;
    for (const { target } of copies) {
      starts.push(bytes);
      bytes += wholeWords(target.length);
    }
    if (bytes === 0) return undefined;
    const staging = this.#pool.take(bytes)!; // without a limit there is always one
    copies.forEach(({ place, target }, index) => {
      const { buffer, offset } = place;
      encoder.copyBufferToBuffer(buffer, offset, staging, starts[index]!, wholeWords(target.length));
    });
    return {
      arrive: async () => {
        await staging.mapAsync(1, 0, bytes); // 1: to read
        const mapped = new Uint8Array(staging.getMappedRange(0, bytes));
        copies.forEach(({ target }, index) => {
          target.set(mapped.subarray(starts[index]!, starts[index]! + target.length));
        });
        staging.unmap();
        this.#pool.give(staging);
      },
    };
  }
}

/** Copies are of whole words. */
function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
