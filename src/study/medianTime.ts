/** Measures work: median time of several rounds after warm-up. */

/** Longer work is timed only once, without warm-up. */
const longMilliseconds = 20_000;

/**
 * Returns milliseconds.
 * @param work receives the number of the round, warm-up included
 */
export async function medianTime(
  signal: AbortSignal,
  { rounds }: { readonly rounds: number },
  work: (round: number) => Promise<void>,
): Promise<number> {
  const times: number[] = [];
  const warming = 2;
  for (let round = 0; round < warming + rounds; round++) {
    signal.throwIfAborted();
    const began = performance.now();
    await work(round);
    const time = performance.now() - began;
    if (round === 0 && time > longMilliseconds) return time;
    if (round >= warming) times.push(time);
  }
  times.sort((a, b) => a - b);
  const half = times.length / 2;
  return times.length % 2 ? times[Math.floor(half)]! : (times[half - 1]! + times[half]!) / 2;
}
