/** Joules that a device uses for work, by the counter of its driver, where there is one. */
import type { Engine } from '../engine/engine.ts';

/** The counter moves every 20 to 100 ms, so that shorter work would be lost in its steps. */
const milliseconds = 1500;

/**
 * Repeats work until the counter has something to tell, and returns the joules of one round: those of the whole device,
 * with what it uses when idle. `undefined` on engines that cannot tell.
 * @param maxRounds stops earlier, after so many rounds
 */
export async function joulesOf(
  engine: Pick<Engine, 'usedJoules'>,
  signal: AbortSignal,
  work: (round: number) => Promise<void>,
  maxRounds = Number.POSITIVE_INFINITY,
): Promise<number | undefined> {
  const before = engine.usedJoules?.();
  if (before === undefined) return undefined;
  const began = performance.now();
  let rounds = 0;
  while (rounds < maxRounds && (rounds === 0 || performance.now() - began < milliseconds)) {
    signal.throwIfAborted();
    await work(rounds++);
  }
  return (engine.usedJoules!()! - before) / rounds;
}
