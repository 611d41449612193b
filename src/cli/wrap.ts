/** Wraps text that arrives in pieces at whole words, for the width that the terminal has at the time. */

export class WordWrap {
  readonly #width: () => number;
  #column = 0;
  #word = '';

  /** @param width columns of the terminal now; it may be resized between two words */
  constructor(width: () => number) {
    this.#width = width;
  }

  /** Returns what can be printed. The last word is held back until it is known to be complete. */
  add(piece: string): string {
    let out = '';
    for (const character of piece) {
      if (character === '\n') {
        out += `${this.#flush()}\n`;
        this.#column = 0;
      } else if (character === ' ') {
        out += this.#flush();
        if (this.#column < this.#width()) out += this.#put(' ');
      } else this.#word += character;
    }
    return out;
  }

  /** Returns the word that was held back. */
  end(): string {
    return this.#flush();
  }

  #flush(): string {
    const length = [...this.#word].length;
    const breaks = this.#column > 0 && this.#column + length > this.#width();
    if (breaks) this.#column = 0;
    const out = (breaks ? '\n' : '') + this.#put(this.#word);
    this.#word = '';
    return out;
  }

  #put(text: string): string {
    this.#column += [...text].length;
    // The terminal itself breaks a word that is longer than a line.
    if (this.#column > this.#width()) this.#column %= this.#width();
    return text;
  }
}
