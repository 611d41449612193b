/** When memory answers reads: for each port in order, at most one response a cycle. */
import type { MemoryTiming } from './parameters.ts';

export class ResponseTimes {
  readonly #latency: number;
  readonly #jitter: number;
  readonly #counts: Uint32Array;
  readonly #last: Float64Array;

  constructor({ latency, jitter = 0 }: MemoryTiming, ports: number) {
    this.#latency = latency;
    this.#jitter = jitter;
    this.#counts = new Uint32Array(ports);
    this.#last = new Float64Array(ports);
  }

  /** The cycle in which a read granted in cycle t is answered. */
  arrival(port: number, t: number): number {
    const count = this.#counts[port]!++;
    const mixed = (Math.imul(count, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b)) >>> 0;
    const extra = ((mixed ^ (mixed >>> 15)) & 0xffff) % (this.#jitter + 1);
    const cycle = Math.max(this.#last[port]! + 1, t + this.#latency + extra);
    this.#last[port] = cycle;
    return cycle;
  }
}
