/** The bench's jobs on the simulator. */
import { foldElements } from '../../src/accelerator/checksum.ts';
import { Cluster } from '../../src/accelerator/cluster.ts';
import { GreedyHost, type Host } from '../../src/accelerator/host.ts';
import { type TraceEvent, traceText } from '../../src/accelerator/trace.ts';
import type { RtlJob, RtlSizes } from './bench.ts';

/** What the RTL has to write, and what memory has to hold afterwards. */
export function simulate(sizes: RtlSizes, job: RtlJob): { trace: string; memoryChecksum: number } {
  const memory = new Uint8Array(sizes.memoryBeats * 64);
  memory.set(job.memory);
  // A ROM is as long as it was built; words behind the program are 0.
  const program = [...job.program, ...new Array<bigint>(sizes.rom - job.program.length).fill(0n)];
  const events: TraceEvent[] = [];
  const host = job.generate ? new GreedyHost(job.tokens, job.generate) : listHost(job.tokens);
  const cluster = new Cluster({
    ...{ sizes, timing: job.timing, program, memory, host },
    onEvent: (event) => events.push(event),
  });
  cluster.run(job.maxCycles);
  // The simulator announces the end of an instruction ahead of time: a run cut off has not seen it.
  const seen = events.filter(({ cycle }) => cycle < job.maxCycles);
  return {
    trace: traceText(seen),
    memoryChecksum: foldElements(0, new Int32Array(memory.buffer), job.memory.length / 4),
  };
}

/** Gives the tokens, then ends. */
function listHost(tokens: readonly number[]): Host {
  let given = 0;
  return { next: () => tokens[given++] ?? 'end', take: () => {} };
}
