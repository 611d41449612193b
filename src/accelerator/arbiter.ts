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
