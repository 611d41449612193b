/** Work that must not overlap: an engine's states and temporaries exist once. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all that was asked for before is over, however that ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
