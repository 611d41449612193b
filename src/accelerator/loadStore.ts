/** The timing of the load/store unit: its requests to memory, and when it is done. */

import { loadPipeline, storePipeline, storeStart, waitingBeats } from './cycles.ts';

export class LoadStoreTimer {
  /** Beats to be requested, and to be received. */
  #left = 0;
  #due = 0;
  #nextRequest = 0;
  #kind: 'load' | 'narrowLoad' | 'store' = 'load';
  /** The first cycle in which the unit can take the next beat. */
  #nextTake = 0;
  #granted = 0;
  /** Cycles in which the unit takes the latest beats. */
  readonly #takes: number[] = [];

  /** An instruction issued in cycle t that moves `beats`; each beat of a 16-bit load fills two words. */
  begin(t: number, beats: number, kind: 'load' | 'narrowLoad' | 'store'): void {
    this.#left = beats;
    this.#due = beats;
    this.#kind = kind;
    this.#nextRequest = t + (this.writes ? storeStart : 1);
    this.#nextTake = 0;
    this.#granted = 0;
    this.#takes.length = 0;
  }

  get writes(): boolean {
    return this.#kind === 'store';
  }

  wantsMemory(t: number): boolean {
    if (this.#left === 0 || t < this.#nextRequest) return false;
    if (this.#kind !== 'narrowLoad') return true;
    while (this.#takes.length > 0 && this.#takes[0]! < t) {
      this.#takes.shift();
      this.#granted--;
    }
    return this.#granted < waitingBeats;
  }

  /**
   * Memory takes a request in cycle t.
   * @returns the cycle in which the instruction is done, if this was the last request of a store
   */
  grant(t: number): number | undefined {
    this.#left--;
    this.#granted++;
    this.#nextRequest = t + this.#wordsOfBeat;
    return this.writes && this.#left === 0 ? t + storePipeline : undefined;
  }

  /**
   * Memory answers a read in cycle t.
   * @returns the cycle in which the instruction is done, if this was its last beat
   */
  receive(t: number): number | undefined {
    this.#due--;
    const taken = Math.max(t, this.#nextTake);
    this.#nextTake = taken + this.#wordsOfBeat;
    this.#takes.push(taken);
    return this.#due === 0 ? taken + loadPipeline : undefined;
  }

  get #wordsOfBeat(): number {
    return this.#kind === 'narrowLoad' ? 2 : 1;
  }
}
