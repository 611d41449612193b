/** A pool of buffers for copies between host and device. */
export interface PoolOptions {
  readonly label: string;
  readonly usage: number;
  /** Create buffers mapped. */
  readonly mapped?: boolean;
  /** Size of the smallest buffer. */
  readonly minBytes: number;
  /** Limit for all buffers together; default: none. */
  readonly maxBytes?: number;
}

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #options: PoolOptions;
  readonly #free: GPUBuffer[] = [];
  #bytes = 0;

  constructor(device: GPUDevice, options: PoolOptions) {
    this.#device = device;
    this.#options = options;
  }

  /** A buffer of at least `bytes`; undefined if the limit is reached. */
  take(bytes: number): GPUBuffer | undefined {
    const index = this.#free.findIndex(({ size }) => size >= bytes);
    if (index >= 0) return this.#free.splice(index, 1)[0];
    const { label, usage, mapped = false, minBytes, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, minBytes)));
    if (this.#bytes + size > maxBytes) return undefined;
    this.#bytes += size;
    return this.#device.createBuffer({ label, size, usage, mappedAtCreation: mapped });
  }

  /** Returns a buffer to the pool. */
  give(buffer: GPUBuffer): void {
    this.#free.push(buffer);
  }

  /** Destroys all buffers; the pool gives no more. */
  close(): void {
    this.#free.length = 0;
    this.#bytes = Number.POSITIVE_INFINITY;
  }
}
