/** Holds the RTL to the simulator: the same program on both, every event and all of memory compared. */
import { expect } from 'vitest';
import { traceText } from '../../src/accelerator/trace.ts';
import { buildBench, type RtlJob, type RtlSizes, runBench } from './bench.ts';
import { parting } from './parting.ts';
import { simulate } from './simulated.ts';

export interface NamedJob extends RtlJob {
  readonly name: string;
}

/** Totals of what was run, so that tests can check that they ran something. */
export interface Compared {
  readonly instructions: number;
  readonly cycles: number;
  /** How often a run halted with each code. */
  readonly halts: ReadonlyMap<number, number>;
  /** Tokens that came out, by job. */
  readonly outputs: readonly (readonly number[])[];
}

/** Fails at the first job whose traces differ, showing where they part. */
export async function compareWithSimulator(sizes: RtlSizes, jobs: readonly NamedJob[]): Promise<Compared> {
  let [instructions, cycles] = [0, 0];
  const halts = new Map<number, number>();
  const outputs: number[][] = [];
  await runBench(buildBench(sizes), jobs, (result, index) => {
    const job = jobs[index]!;
    const expected = simulate(sizes, job);
    // After a reset memory is at another point of its refresh, and still answers reads from before: only times differ.
    const text = job.reset ? withoutCycles : (trace: string) => trace;
    const [found, wanted] = [text(traceText(result.events)), text(expected.trace)];
    if (found !== wanted) expect(parting(found, wanted), job.name).toBe('');
    // A run that was cut off, or halted within a product, may leave a store half done.
    const complete = result.events.some((event) => event.kind === 'H' && event.code !== 4);
    if (complete) {
      expect(result.memoryChecksum, `${job.name}: memory after the run`).toBe(expected.memoryChecksum);
    }
    instructions += result.events.filter(({ kind }) => kind === 'I').length;
    cycles += result.cycles;
    for (const event of result.events) {
      if (event.kind === 'H') halts.set(event.code, (halts.get(event.code) ?? 0) + 1);
    }
    outputs.push(result.events.flatMap((event) => (event.kind === 'O' ? [event.token] : [])));
  });
  return { instructions, cycles, halts, outputs };
}

/** The events of each kind in order: those of different units may overtake one another. */
function withoutCycles(trace: string): string {
  const lines = trace
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const sorted = lines.sort(([a, , b], [c, , d]) => a!.localeCompare(c!) || Number(b) - Number(d));
  return sorted.map(([kind, , ...rest]) => [kind, ...rest].join(' ')).join('\n');
}
