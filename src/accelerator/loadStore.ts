/** The timing of the load/store unit: its requests to memory, and when it is done. */

import { loadPipeline, storePipeline, storeStart, waitingBeats } from './cycles.ts';

export class LoadStoreTimer {
  #left = 0;
  #nextRequest = 0;
  #kind: 'load' | 'narrowLoad' | 'store' = 'load';
  /** The first cycle in which the unit can take the next beat, and those in which it takes the latest beats. */
  #nextTake = 0;
  readonly #takes: number[] = [];

  /** An instruction issued in cycle t that moves `beats`; each beat of a 16-bit load fills two words. */
  begin(t: number, beats: number, kind: 'load' | 'narrowLoad' | 'store'): void {
    this.#left = beats;
    this.#kind = kind;
    this.#nextRequest = t + (this.writes ? storeStart : 1);
    this.#nextTake = 0;
    this.#takes.length = 0;
  }

  get writes(): boolean {
    return this.#kind === 'store';
  }

  wantsMemory(t: number): boolean {
    if (this.#left === 0 || t < this.#nextRequest) return false;
    if (this.#kind !== 'narrowLoad') return true;
    while (this.#takes.length > 0 && this.#takes[0]! < t) this.#takes.shift();
    return this.#takes.length < waitingBeats;
  }

  /**
   * @param arrival the cycle of the response to a read granted in cycle t
   * @returns the cycle in which the instruction is done, if this was its last request
   */
  grant(t: number, arrival: () => number): number | undefined {
    this.#left--;
    const words = this.#kind === 'narrowLoad' ? 2 : 1;
    this.#nextRequest = t + words;
    if (this.writes) return this.#left > 0 ? undefined : t + storePipeline;
    const taken = Math.max(arrival(), this.#nextTake);
    this.#nextTake = taken + words;
    this.#takes.push(taken);
    return this.#left > 0 ? undefined : taken + loadPipeline;
  }
}
