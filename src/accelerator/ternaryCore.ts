/** The timing of one ternary core and of its weight streamer; what it computes is the machine's business. */
import { blockCycles } from './cycles.ts';
import type { CoreCycles } from './statistics.ts';

export class TernaryCore {
  /** Beats that the streamer has yet to ask for. */
  toRequest = 0;
  readonly #fifo: number;
  readonly #outQueue: number;
  #granted = 0;
  #received = 0;
  #popped = 0;
  /** Beats of the product in hand that are still to be used, and of its current block. */
  #beats = 0;
  #blockBeats = 0;
  #beatInBlock = 0;
  /** Cycles from which finished blocks can be collected. */
  readonly #results: number[] = [];

  constructor(fifo: number, outQueue: number) {
    this.#fifo = fifo;
    this.#outQueue = outQueue;
  }

  begin(blocks: number, blockBeats: number): void {
    this.#beats = blocks * blockBeats;
    this.#blockBeats = blockBeats;
    this.#beatInBlock = 0;
  }

  wantsMemory(): boolean {
    return this.toRequest > 0 && this.#granted - this.#popped < this.#fifo;
  }

  /** Memory takes a request. */
  grant(): void {
    this.#granted++;
    this.toRequest--;
  }

  /** Memory answers; the beat can be used from the next cycle on. */
  receive(): void {
    this.#received++;
  }

  canBeCollected(t: number): boolean {
    return this.#results.length > 0 && this.#results[0]! <= t;
  }

  collect(): void {
    this.#results.shift();
  }

  /** Nothing in the FIFO, nothing on the way, nothing to ask for, and a product that needs more. */
  get underrun(): boolean {
    return this.#beats > 0 && this.toRequest === 0 && this.#granted === this.#popped;
  }

  /**
   * Uses a beat in cycle t if it can. `inFlight` is the number of results before this cycle's collection.
   * @returns what the core did
   */
  step(t: number, inFlight: number): keyof CoreCycles {
    if (this.#beats === 0) return 'idle';
    if (this.#received === this.#popped) return 'starved';
    const last = this.#beatInBlock === this.#blockBeats - 1;
    if (last && inFlight >= this.#outQueue) return 'blocked';
    this.#popped++;
    this.#beats--;
    this.#beatInBlock = last ? 0 : this.#beatInBlock + 1;
    if (last) this.#results.push(t + blockCycles);
    return 'busy';
  }

  get inFlight(): number {
    return this.#results.length;
  }
}
