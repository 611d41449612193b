/** Filters streamed text: it ends where the first stop string begins. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  /** Whether a stop string was found. No text is returned from then on. */
  stopped = false;

  /** @param stops non-empty strings */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Returns the text that is safe to yield: all but an end that may begin a stop string. */
  push(piece: string): string {
    if (this.stopped) return '';
    const text = this.#held + piece;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.stopped = true;
      this.#held = '';
      return text.slice(0, Math.min(...found));
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - held);
    return text.slice(0, text.length - held);
  }

  /** Returns the text held back, at the end of the stream. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Length of the longest end of `text` that begins `stop`. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (!text.endsWith(stop.slice(0, length))) length--;
  return length;
}
