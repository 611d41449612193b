/**
 * Memory without structure: takes requests at a fixed rate and answers each read after a fixed latency, or up to
 * `jitter` cycles later. Tests use it to reach timings that no real memory has.
 */
import type { MemoryModel, MemoryRequest } from './memory.ts';
import { type SlotTiming, slots } from './parameters.ts';

export class SlotMemory implements MemoryModel {
  readonly #timing: SlotTiming;
  readonly #counts: Uint32Array;
  readonly #last: Float64Array;
  /** Cycles of the responses that each port waits for. */
  readonly #arrivals: readonly number[][];

  constructor(timing: SlotTiming, ports: number) {
    this.#timing = timing;
    this.#counts = new Uint32Array(ports);
    this.#last = new Float64Array(ports);
    this.#arrivals = Array.from({ length: ports }, () => []);
  }

  begin(t: number, respond: (port: number) => void): number {
    this.#arrivals.forEach((arrivals, port) => {
      if (arrivals[0] !== t) return;
      arrivals.shift();
      respond(port);
    });
    return slots(this.#timing, t);
  }

  request(t: number, { port, write }: MemoryRequest): void {
    if (write) return;
    const { latency, jitter = 0 } = this.#timing;
    const count = this.#counts[port]!++;
    const mixed = (Math.imul(count, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b)) >>> 0;
    const extra = ((mixed ^ (mixed >>> 15)) & 0xffff) % (jitter + 1);
    const cycle = Math.max(this.#last[port]! + 1, t + latency + extra);
    this.#last[port] = cycle;
    this.#arrivals[port]!.push(cycle);
  }
}
