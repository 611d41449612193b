/** Buffers that copies between host and device go through, used again. */
export interface PoolOptions {
  readonly label: string;
  readonly usage: number;
  /** Buffers are born mapped. */
  readonly mapped?: boolean;
  /** Of the smallest buffer. */
  readonly leastBytes: number;
  /** Of all buffers together; default: no limit. */
  readonly mostBytes?: number;
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

  /** A buffer of at least so many bytes; undefined if all that there may be are in use. */
  take(bytes: number): GPUBuffer | undefined {
    const index = this.#free.findIndex(({ size }) => size >= bytes);
    if (index >= 0) return this.#free.splice(index, 1)[0];
    const { label, usage, mapped = false, leastBytes, mostBytes = Number.POSITIVE_INFINITY } = this.#options;
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, leastBytes)));
    if (this.#bytes + size > mostBytes) return undefined;
    this.#bytes += size;
    return this.#device.createBuffer({ label, size, usage, mappedAtCreation: mapped });
  }

  /** Takes a buffer back, for whoever comes next. */
  give(buffer: GPUBuffer): void {
    this.#free.push(buffer);
  }

  /** From now on there are none. */
  close(): void {
    this.#free.length = 0;
    this.#bytes = Number.POSITIVE_INFINITY;
  }
}
