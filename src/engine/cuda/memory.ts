/** Device memory: a stretch for each variable and input, and one arena for the temporaries of whichever program runs. */
import { aligned, type MemoryPlan } from '../../program/plan.ts';
import type { Tensor } from '../../program/tensor.ts';
import { OutOfMemoryError } from '../engine.ts';
import { type DriverLibrary, statuses } from './driver.ts';
import { CudaError, remedy } from './errors.ts';

interface Stretch {
  readonly address: bigint;
  readonly bytes: number;
}

export class DeviceMemory {
  readonly #driver: DriverLibrary;
  readonly #limit: number;
  readonly #stretches = new Map<Tensor, Stretch>();
  #arena: Stretch = { address: 0n, bytes: 0 };
  #usedBytes = 0;
  #generation = 0;

  constructor(driver: DriverLibrary, limit: number) {
    this.#driver = driver;
    this.#limit = limit;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Changes whenever an address may have changed that a graph holds. */
  get generation(): number {
    return this.#generation;
  }

  get arena(): Stretch {
    return this.#arena;
  }

  has(tensor: Tensor): boolean {
    return this.#stretches.has(tensor.storage);
  }

  allocate(tensor: Tensor): Stretch | undefined {
    const { storage } = tensor;
    if (this.#stretches.has(storage)) return undefined;
    const stretch = this.reserve(aligned(Math.max(storage.bytes, 1)), storage.name);
    this.#stretches.set(storage, stretch);
    return stretch;
  }

  free(tensor: Tensor): void {
    const stretch = this.#stretchOf(tensor);
    this.release(stretch);
    this.#stretches.delete(tensor.storage);
    this.#generation++;
  }

  /** Where a variable or an input lies. */
  addressOf(tensor: Tensor): bigint {
    return this.#stretchOf(tensor).address + BigInt(tensor.byteOffset);
  }

  /** Where a tensor of a program lies. */
  placeOf(tensor: Tensor, plan: MemoryPlan): bigint {
    const offset = plan.offsets.get(tensor.storage);
    if (offset === undefined) return this.addressOf(tensor);
    return this.#arena.address + BigInt(offset + tensor.byteOffset);
  }

  /** Makes more room for temporaries; those there were are lost, even if there is too little memory. */
  growArena(bytes: number, purpose: string): void {
    this.release(this.#arena);
    this.#arena = { address: 0n, bytes: 0 };
    this.#generation++;
    this.#arena = this.reserve(bytes, `the temporaries of ${purpose}`);
  }

  /** Bytes that can still be reserved: what the card has free, and what the limit leaves. */
  get freeBytes(): number {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.#driver.call('cuMemGetInfo_v2', free, total);
    return Math.min(Number(free[0]), this.#limit - this.#usedBytes);
  }

  /** Memory for whoever keeps track of it. @throws OutOfMemoryError if there is not so much */
  reserve(bytes: number, purpose: string): Stretch {
    const advice = `use a smaller model, batch or length, or ${remedy}`;
    if (this.#usedBytes + bytes > this.#limit) {
      throw new OutOfMemoryError(
        `${purpose} needs ${megabytes(bytes)} of GPU memory, but ${megabytes(this.#usedBytes)} of the limit of ` +
          `${megabytes(this.#limit)} are in use; ${advice}`,
      );
    }
    try {
      const address = this.#driver.make('cuMemAlloc_v2', bytes);
      this.#usedBytes += bytes;
      return { address, bytes };
    } catch (error) {
      if (!(error instanceof CudaError) || error.status !== statuses.outOfMemory) throw error;
      throw new OutOfMemoryError(
        `the GPU has no ${megabytes(bytes)} left for ${purpose} (${megabytes(this.#usedBytes)} in use by this engine); ${advice}`,
      );
    }
  }

  release({ address, bytes }: Stretch): void {
    if (address === 0n) return;
    this.#driver.call('cuMemFree_v2', address); // waits for work that uses it
    this.#usedBytes -= bytes;
  }

  /** Gives everything back. */
  dispose(): void {
    for (const stretch of [...this.#stretches.values(), this.#arena]) {
      if (stretch.address !== 0n) this.#driver.status('cuMemFree_v2', stretch.address);
    }
    this.#stretches.clear();
    this.#arena = { address: 0n, bytes: 0 };
  }

  #stretchOf(tensor: Tensor): Stretch {
    const stretch = this.#stretches.get(tensor.storage);
    if (!stretch) throw new Error(`${tensor} has no memory on this engine: allocate it first`);
    return stretch;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
