/** The bench's jobs on the simulator. */
import { foldElements } from '../../src/accelerator/checksum.ts';
import { Cluster } from '../../src/accelerator/cluster.ts';
import { GreedyHost, type Host, type Tokens } from '../../src/accelerator/host.ts';
import { bytesOfBeat } from '../../src/accelerator/parameters.ts';
import type { Statistics } from '../../src/accelerator/statistics.ts';
import { type TraceEvent, traceText } from '../../src/accelerator/trace.ts';
import type { RtlJob, RtlSizes } from './bench.ts';

export interface Simulated {
  readonly trace: string;
  readonly memoryChecksum: number;
  readonly statistics: Statistics;
}

/** The trace that the RTL has to write, and memory afterwards. */
export function simulate(sizes: RtlSizes, job: RtlJob): Simulated {
  const memory = new Uint8Array(sizes.memoryBeats * bytesOfBeat(sizes));
  memory.set(job.memory);
  // A ROM is as long as it was built; words behind the program are 0.
  const program = [...job.program, ...new Array<bigint>(sizes.rom - job.program.length).fill(0n)];
  const events: TraceEvent[] = [];
  const host = job.generate
    ? greedyHost(job.tokens, sizes.batch, job.generate)
    : listHost(job.tokens, sizes.batch);
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
    statistics: cluster.statistics,
  };
}

function stepsOf(tokens: readonly number[], batch: number): Tokens[] {
  return Array.from({ length: tokens.length / batch }, (_, step) =>
    tokens.slice(step * batch, (step + 1) * batch).map((token) => (token < 0 ? undefined : token)),
  );
}

/** Gives the tokens, then ends. */
function listHost(tokens: readonly number[], batch: number): Host {
  const steps = stepsOf(tokens, batch);
  let given = 0;
  return { next: () => steps[given++] ?? 'end', take: () => {} };
}

/** Gives the tokens, then feeds back what comes out, in all slots. */
function greedyHost(tokens: readonly number[], batch: number, generate: number): Host {
  const prompt = stepsOf(tokens, batch);
  const slots = Array.from({ length: batch }, (_, slot) => {
    return new GreedyHost(
      prompt.map((step) => step[slot] ?? 0),
      generate,
    );
  });
  let given = 0;
  return {
    next: () => {
      const next = slots.map((host) => host.next());
      const [first] = next;
      if (first === 'end' || first === undefined) return first;
      return prompt[given++] ?? (next as number[]);
    },
    take: (token, slot) => slots[slot]!.take(token),
  };
}
