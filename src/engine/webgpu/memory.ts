/** Device memory: a buffer for each variable and input, and pages for the temporaries of the program that runs. */
import type { MemoryPlan } from '../../program/plan.ts';
import { aligned } from '../../program/plan.ts';
import type { Tensor } from '../../program/tensor.ts';
import { OutOfMemoryError } from '../engine.ts';
import { remedy } from './errors.ts';

/** GPUBufferUsage; the global exists in browsers only. */
export const usage = {
  mapRead: 0x1,
  mapWrite: 0x2,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

/** A range of a buffer. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

export class DeviceMemory {
  readonly #device: GPUDevice;
  readonly #limit: number;
  /** Called when an allocation has failed on the device, which reports this late. */
  readonly #report: (pending: Promise<void>) => void;
  readonly #buffers = new Map<Tensor, GPUBuffer>();
  #pages: GPUBuffer[] = [];
  #usedBytes = 0;
  #generation = 0;

  constructor(device: GPUDevice, limit: number, report: (pending: Promise<void>) => void) {
    this.#device = device;
    this.#limit = limit;
    this.#report = report;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that the limit leaves. What the GPU itself has free, WebGPU does not say. */
  get freeBytes(): number {
    return this.#limit - this.#usedBytes;
  }

  /** Changes whenever temporaries move. */
  get generation(): number {
    return this.#generation;
  }

  get pages(): readonly GPUBuffer[] {
    return this.#pages;
  }

  /** Bytes of a page: no temporary crosses pages, so each lies in one buffer and one binding. */
  get pageBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    return Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 256) * 256;
  }

  has(tensor: Tensor): boolean {
    return this.#buffers.has(tensor.storage);
  }

  allocate(tensor: Tensor): void {
    if (this.has(tensor)) return;
    const { storage } = tensor;
    this.checkSize(storage);
    this.#buffers.set(storage, this.#create(aligned(Math.max(storage.bytes, 1)), storage.name));
  }

  free(tensor: Tensor): void {
    this.#destroy(this.buffer(tensor));
    this.#buffers.delete(tensor.storage);
  }

  /** The buffer in which a variable or an input lies, at its `byteOffset`. */
  buffer(tensor: Tensor): GPUBuffer {
    const buffer = this.#buffers.get(tensor.storage);
    if (!buffer) throw new Error(`${tensor} has no memory on this engine: allocate it first`);
    return buffer;
  }

  /** @throws OutOfMemoryError if one binding of this device cannot hold the tensor */
  checkSize(tensor: Tensor): void {
    if (tensor.bytes <= this.pageBytes) return;
    throw new OutOfMemoryError(
      `${tensor} takes ${megabytes(tensor.bytes)}, but this GPU binds at most ${megabytes(this.pageBytes)} at once; ` +
        `use a smaller batch or length, or ${remedy}`,
    );
  }

  /** Whether there is room for so many bytes of temporaries. */
  hasRoom(bytes: number): boolean {
    return this.#pageSizes(bytes).every((size, page) => size <= (this.#pages[page]?.size ?? 0));
  }

  /** Makes more room for temporaries; those there were are lost, even if there is too little memory. */
  growArena(bytes: number, purpose: string): void {
    const wanted = this.#pageSizes(bytes).map((size, page) => Math.max(size, this.#pages[page]?.size ?? 0));
    for (const page of this.#pages) this.#destroy(page);
    this.#pages = [];
    this.#generation++;
    for (const size of wanted) this.#pages.push(this.#create(size, `the temporaries of ${purpose}`));
  }

  #pageSizes(bytes: number): number[] {
    return Array.from({ length: Math.ceil(bytes / this.pageBytes) }, (_, page) =>
      Math.min(this.pageBytes, bytes - page * this.pageBytes),
    );
  }

  placeOf(tensor: Tensor, plan: MemoryPlan): Place {
    if (tensor.kind !== 'temporary') return { buffer: this.buffer(tensor), offset: tensor.byteOffset };
    const offset = plan.offsets.get(tensor)!;
    const page = Math.floor(offset / this.pageBytes);
    return { buffer: this.#pages[page]!, offset: offset - page * this.pageBytes };
  }

  #create(size: number, purpose: string): GPUBuffer {
    if (this.#usedBytes + size > this.#limit) {
      throw new OutOfMemoryError(
        `${purpose} needs ${megabytes(size)} of GPU memory, but ${megabytes(this.#usedBytes)} of the limit of ` +
          `${megabytes(this.#limit)} are in use; use a smaller model or batch, or ${remedy}`,
      );
    }
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({
      label: purpose,
      size,
      usage: usage.storage | usage.copySource | usage.copyTarget,
    });
    this.#report(
      this.#device.popErrorScope().then((error) => {
        if (!error) return;
        throw new OutOfMemoryError(
          `the GPU has no ${megabytes(size)} left for ${purpose} (${megabytes(this.#usedBytes)} in use); ` +
            `use a smaller model, batch or length, or ${remedy}`,
        );
      }),
    );
    this.#usedBytes += size;
    return buffer;
  }

  #destroy(buffer: GPUBuffer): void {
    this.#usedBytes -= buffer.size;
    buffer.destroy();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
