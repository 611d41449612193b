/** The timing of the load/store unit: its requests to memory, and when it is done. */

import { loadPipeline, storePipeline, storeStart } from './cycles.ts';

export class LoadStoreTimer {
  readonly #latency: number;
  #left = 0;
  #nextRequest = 0;
  #spacing = 1;
  #writes = false;

  constructor(latency: number) {
    this.#latency = latency;
  }

  /** An instruction issued in cycle t that moves `beats`; 16-bit loads fill two words with each. */
  begin(t: number, beats: number, kind: 'load' | 'narrowLoad' | 'store'): void {
    this.#left = beats;
    this.#writes = kind === 'store';
    this.#spacing = kind === 'narrowLoad' ? 2 : 1;
    this.#nextRequest = t + (this.#writes ? storeStart : 1);
  }

  get writes(): boolean {
    return this.#writes;
  }

  wantsMemory(t: number): boolean {
    return this.#left > 0 && t >= this.#nextRequest;
  }

  /** @returns the cycle in which the instruction is done, if this was its last request */
  grant(t: number): number | undefined {
    this.#left--;
    this.#nextRequest = t + this.#spacing;
    if (this.#left > 0) return undefined;
    return t + (this.#writes ? storePipeline : this.#latency + loadPipeline);
  }
}
