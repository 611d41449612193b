/**
 * Merges the values of several generators as they arrive. Each generator is at most one value ahead of the reader, so a
 * slow reader slows all of them down.
 */
export async function* merge<T>(generators: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const ready: { readonly from: AsyncGenerator<T>; readonly result: IteratorResult<T> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const ask = (from: AsyncGenerator<T>) =>
    void from
      .next()
      .then(
        (result) => void ready.push({ from, result }),
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .then(() => wake());
  let open = generators.length;
  try {
    generators.forEach(ask);
    while (open > 0) {
      if (failure) throw failure.error;
      const next = ready.shift();
      if (!next) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (ready.length > 0 || failure) resolve();
        });
      } else if (next.result.done) {
        open -= 1;
      } else {
        yield next.result.value;
        ask(next.from);
      }
    }
  } finally {
    // Not awaited: a generator that still waits for the model ends through its signal.
    for (const generator of generators) void generator.return(undefined).catch(() => {});
  }
}
