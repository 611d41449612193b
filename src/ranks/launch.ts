/** Our own launcher: starts the ranks of this machine, and ends all of them when one ends too early. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Hub } from './hub.ts';
import { pipeDescriptor, placeVariable } from './join.ts';

/** Signals that ask for an orderly end; ranks receive them from the launcher only. */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a command once for each rank; `joinRanks` there finds the others. Rank 0 has the terminal's input.
 * @returns the exit code: that of the rank because of which all were ended, or of rank 0
 */
export async function launchRanks(size: number, [file, ...args]: readonly string[]): Promise<number> {
  const ranks = Array.from({ length: size }, (_, rank) =>
    spawn(file!, args, {
      env: { ...process.env, [placeVariable]: `${rank}/${size}` },
      stdio: [rank === 0 ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe'],
      detached: true, // a terminal's Ctrl-C reaches the launcher alone
    }),
  );
  const hub = new Hub(ranks.map(({ stdio }) => stdio[pipeDescriptor] as Duplex));
  const passOn = (signal: NodeJS.Signals) => ranks.forEach((rank) => rank.kill(signal));
  for (const signal of passedOn) process.on(signal, passOn);
  let early: { readonly rank: number; readonly end: End } | undefined;
  const ends = ranks.map(async (child, rank): Promise<End> => {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    const end = { code: code ?? 1, signal };
    if (!hub.hasLeft(rank)) {
      early ??= { rank, end };
      for (const other of ranks) other.kill('SIGKILL'); // checkpoints are complete at any time
    }
    return end;
  });
  try {
    const [first] = await Promise.all(ends);
    if (early?.end.signal) console.error(`plusminus: ${describe(early.rank, size, early.end.signal)}`);
    return (early?.end ?? first!).code;
  } finally {
    for (const signal of passedOn) process.off(signal, passOn);
  }
}

interface End {
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

function describe(rank: number, size: number, signal: NodeJS.Signals): string {
  return (
    `rank ${rank} of ${size} was killed by ${signal}, and so the others were ended; ` +
    'the last checkpoint is complete: continue with --resume'
  );
}
