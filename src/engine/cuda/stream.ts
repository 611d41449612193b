/**
 * The queue of work on a card. Everything an engine does goes through one stream, in order; the host waits by asking,
 * between turns of its event loop, whether an event has been reached.
 */
import type { KernelTime } from '../engine.ts';
import { type DriverLibrary, statuses } from './driver.ts';
import type { Koffi } from './library.ts';
import { starter } from './starter.ts';
import { type HostCopy, suitsKernel, toHostLaunch, vectorBytes } from './toHost.cuda.ts';

/** Copies to the host go through memory of this size that the card writes to directly. */
const stagingBytes = 2 ** 24;
/** Milliseconds after which a wait makes pauses, so that it does not use a whole core. */
const shortWait = 3;
const pause = 0.05;

const neverWoken = new Int32Array(new SharedArrayBuffer(4));

/** Bytes of device memory, and where they go. */
export interface DeviceRead {
  readonly address: bigint;
  readonly target: Uint8Array;
}

export class Stream {
  readonly handle: bigint;
  readonly #driver: DriverLibrary;
  readonly #koffi: Koffi;
  readonly #copyKernel: () => bigint;
  readonly #overlaps: boolean;
  readonly #stagingAddress: bigint;
  readonly #staging: Uint8Array;
  /** Events that nobody waits for now. */
  readonly #events: bigint[] = [];
  /** Reads use the staging memory one after the other. */
  #reading: Promise<void> = Promise.resolve();

  /**
   * @param copyKernel the function of `toHostKernel`
   * @param overlaps whether it can begin before the kernel before it has ended
   */
  constructor(driver: DriverLibrary, koffi: Koffi, copyKernel: () => bigint, overlaps: boolean) {
    this.#driver = driver;
    this.#koffi = koffi;
    this.#overlaps = overlaps;
    this.#copyKernel = copyKernel;
    this.handle = driver.make('cuStreamCreate', 1); // not in step with the default stream
    this.#stagingAddress = driver.make('cuMemHostAlloc', stagingBytes, 0);
    this.#staging = new Uint8Array(koffi.view(this.#stagingAddress, stagingBytes));
  }

  /** Puts a copy into the queue; the bytes may change as soon as this returns. */
  write(address: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#driver.call('cuMemcpyHtoDAsync_v2', address, bytes, bytes.length, this.handle);
  }

  fill(address: bigint, byte: number, bytes: number): void {
    if (bytes > 0) this.#driver.call('cuMemsetD8Async', address, byte, bytes, this.handle);
  }

  /** Reads what is there once the work queued so far is done. Small reads are queued before this returns. */
  read(reads: readonly DeviceRead[]): Promise<void> {
    const total = reads.reduce((sum, { target }) => sum + wholeVectors(target.length), 0);
    const before = this.#reading;
    const isFree = this.#isFree;
    const reading =
      total <= stagingBytes && isFree ? this.#readAtOnce(reads) : this.#readInPieces(before, reads);
    this.#reading = reading.catch(() => {});
    return reading;
  }

  #isFree = true;

  async #readInPieces(before: Promise<void>, reads: readonly DeviceRead[]): Promise<void> {
    await before;
    for (const { address, target } of reads) {
      for (let start = 0; start < target.length; start += stagingBytes) {
        const piece = target.subarray(start, start + stagingBytes);
        await this.#readAtOnce([{ address: address + BigInt(start), target: piece }]);
      }
    }
  }

  async #readAtOnce(reads: readonly DeviceRead[]): Promise<void> {
    this.#isFree = false;
    try {
      let offset = 0;
      const copies = reads.map(({ address, target }) => {
        const to = this.#stagingAddress + BigInt(offset);
        offset += wholeVectors(target.length);
        return { from: address, to, bytes: target.length };
      });
      this.#copy(copies.filter(({ bytes }) => bytes > 0));
      await this.settle();
      for (const [n, { target }] of reads.entries()) {
        const start = Number(copies[n]!.to - this.#stagingAddress);
        target.set(this.#staging.subarray(start, start + target.length));
      }
    } finally {
      this.#isFree = true;
    }
  }

  #copy(copies: readonly HostCopy[]): void {
    if (suitsKernel(copies)) {
      const { words, ...shape } = toHostLaunch(copies);
      const queue = { koffi: this.#koffi, driver: this.#driver, stream: this };
      starter(queue, this.#copyKernel(), words, shape, this.#overlaps ? 'overlapping' : undefined)();
    } else {
      for (const { from, to, bytes } of copies)
        this.#driver.call('cuMemcpyDtoHAsync_v2', to, from, bytes, this.handle);
    }
  }

  /** Waits for the work queued so far. @throws CudaError if it failed */
  async settle(): Promise<void> {
    const event = this.#events.pop() ?? this.#driver.make('cuEventCreate', withoutTime);
    try {
      this.#driver.call('cuEventRecord', event, this.handle);
      const since = performance.now();
      let status = this.#driver.status('cuEventQuery', event);
      while (status === statuses.notReady) {
        if (performance.now() - since > shortWait) Atomics.wait(neverWoken, 0, 0, pause);
        await new Promise((resolve) => setImmediate(resolve));
        status = this.#driver.status('cuEventQuery', event);
      }
      this.#driver.check('cuEventQuery', status);
    } finally {
      this.#events.push(event);
    }
  }

  /** Runs pieces of work with an event between each two, and returns the time of each. */
  async time(pieces: readonly { readonly name: string; run(): void }[]): Promise<KernelTime[]> {
    const events = Array.from({ length: pieces.length + 1 }, () => this.#driver.make('cuEventCreate', 0));
    this.#driver.call('cuEventRecord', events[0], this.handle);
    pieces.forEach(({ run }, index) => {
      run();
      this.#driver.call('cuEventRecord', events[index + 1], this.handle);
    });
    await this.settle();
    const times = pieces.map(({ name }, index) => {
      const place = new Float32Array(1);
      this.#driver.call('cuEventElapsedTime', place, events[index], events[index + 1]);
      return { kernel: name, milliseconds: place[0]! };
    });
    for (const event of events) this.#driver.call('cuEventDestroy_v2', event);
    return times;
  }

  dispose(): void {
    this.#driver.status('cuStreamSynchronize', this.handle);
    for (const event of this.#events) this.#driver.status('cuEventDestroy_v2', event);
    this.#driver.status('cuStreamDestroy_v2', this.handle);
    this.#driver.status('cuMemFreeHost', this.#stagingAddress);
  }
}

function wholeVectors(bytes: number): number {
  return Math.ceil(bytes / vectorBytes) * vectorBytes;
}

/** An event that is only waited for costs less if it notes no time. */
const withoutTime = 2;
