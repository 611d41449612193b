/** The machines of the long co-simulation, and its random programs. */
import { randomProgram, randomTiming } from '../../src/accelerator/testing.ts';
import type { RtlJob, RtlSizes } from './bench.ts';

export interface Shape {
  readonly name: string;
  readonly sizes: RtlSizes;
  /** Of the vectors in its programs. */
  readonly longest: number;
  /** Of all instructions. Those on long vectors take some thousand cycles each. */
  readonly share: number;
}

export const shapes: readonly Shape[] = [
  shape('one core', [1, 8192, 256, 8, 1], [16, 16, 16], 512, 0.2),
  shape('one core, vectors of full length', [1, 8192, 256, 8, 1], [16, 16, 16], 8192, 0.02),
  shape('five cores, the shortest queues, four lanes, trits', [5, 32, 4, 1, 1], [4, 1, 20], 32, 0.3),
  shape('two cores, four slots, eight lanes, trits', [2, 1024, 64, 4, 4], [8, 8, 20], 512, 0.18),
  shape('one core, four lanes', [1, 2048, 8, 2, 1], [4, 1, 16], 512, 0.1),
  shape('32 cores', [32, 128, 2, 1, 1], [16, 2, 16], 128, 0.1),
  shape('three cores, 16 slots', [3, 512, 16, 3, 16], [16, 4, 16], 128, 0.1),
];

function shape(
  name: string,
  [cores, maxLength, fifo, outQueue, batch]: readonly [number, number, number, number, number],
  [lanes, rowLanes, columns]: readonly [number, number, number],
  longest: number,
  share: number,
): Shape {
  const widths = { lanes, rowLanes, columns };
  const sizes = { cores, maxLength, fifo, outQueue, batch, ...widths, rom: 1000, memoryBeats: 2 ** 21 };
  return { name, sizes, longest, share };
}

/** Instructions of a program, a few times around its loop. */
const length = 60;

export function randomJob({ sizes, longest }: Shape, seed: number): RtlJob {
  const { words, memory, tokens } = randomProgram(seed, sizes, length, longest);
  return { program: words, memory, tokens, timing: randomTiming(seed, sizes.cores), maxCycles: 10_000_000 };
}
