/** Round robin over a fixed number of requesters: who is served in a cycle, and who is first in the next. */
export class RoundRobin {
  readonly #count: number;
  #pointer = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** Serves up to `places` of those that want it, beginning after the one served last. */
  serve(places: number, wants: (requester: number) => boolean, grant: (requester: number) => void): void {
    let left = places;
    const start = this.#pointer;
    for (let k = 0; k < this.#count && left > 0; k++) {
      const requester = (start + k) % this.#count;
      if (!wants(requester)) continue;
      grant(requester);
      left--;
      this.#pointer = (requester + 1) % this.#count;
    }
  }
}

/** Cycles for which the first of those that are served keeps its place. */
const heldGrants = 64;

/**
 * Who reads memory: port N (load/store) first, then the streamers 0…N−1 around from a pointer. The pointer stays for up to
 * 64 cycles while the streamer at it is served, so that each streamer's beats reach memory in runs of one row.
 */
export class MemoryArbiter {
  readonly #streamers: number;
  #pointer = 0;
  #held = 0;

  constructor(streamers: number) {
    this.#streamers = streamers;
  }

  serve(slots: number, wants: (port: number) => boolean, grant: (port: number) => void): void {
    const count = this.#streamers;
    let left = slots;
    if (left > 0 && wants(count)) {
      grant(count);
      left--;
    }
    const start = this.#pointer;
    let [first, last] = [-1, -1];
    for (let k = 0; k < count && left > 0; k++) {
      const streamer = (start + k) % count;
      if (!wants(streamer)) continue;
      grant(streamer);
      left--;
      if (first < 0) first = streamer;
      last = streamer;
    }
    if (first < 0) return;
    const held = first === start ? this.#held + 1 : 1;
    this.#pointer = held === heldGrants ? (last + 1) % count : first;
    this.#held = held === heldGrants ? 0 : held;
  }
}
