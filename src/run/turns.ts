/** Serialises work on an engine, whose states and temporaries exist once. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs the work after all earlier work has ended, whether it succeeded or failed. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
