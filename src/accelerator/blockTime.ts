/** How long models take, from their sizes alone: programs of a few layers, simulated without values. */
import { defaultIntermediateSize, type MatMulFreeConfig, namedConfig } from '../model/config.ts';
import type { Data } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';
import { Cluster } from './cluster.ts';
import type { Mode } from './compile/mode.ts';
import { compileParameters } from './compile/model.ts';
import { defaultSizes, type MemoryTiming, readLatency } from './parameters.ts';
import { type CoreCycles, type StallCause, type Statistics, stallCauses } from './statistics.ts';

export interface ModelTime {
  /** Of one block in the middle of the model. */
  readonly cyclesPerBlock: number;
  readonly cyclesPerToken: number;
  /** Cycles of a block in which the cores, on average, did each of these. */
  readonly coreCycles: CoreCycles;
  /** Cycles of a block in which no instruction issued, by cause. */
  readonly stalls: Record<StallCause, number>;
  /** Cycles of a token in which the row-wise unit held an instruction. */
  readonly rowCyclesPerToken: number;
  readonly weightBeatsPerToken: number;
  /** Beats that all cores together receive for a block, and all that memory moves. */
  readonly weightBeatsPerBlock: number;
  readonly beatsPerBlock: number;
  readonly beatsPerToken: number;
}

/** A model of one block's width, with next to no vocabulary. */
export function blockConfig(hiddenSize: number): MatMulFreeConfig {
  return {
    ...namedConfig('tiny', { vocabSize: 16 }),
    ...{ hiddenSize, intermediateSize: defaultIntermediateSize(hiddenSize) },
  };
}

/** Every value that time depends on, and nothing else. */
const anyConstants = {
  floats: ({ size }: Tensor): Data => new Float64Array(size).fill(1),
  table: ({ shape: [rows, width] }: Tensor) => ({
    ...{ rows: rows!, width: width!, largest: 1 },
    row: () => new Float64Array(width!),
  }),
  packed: () => new Uint8Array(0),
};

/** Slots of the machine and what they hold; by default one sequence. */
export interface BatchShape {
  readonly batch: number;
  readonly mode: Mode;
  /** Of a core; 16 by default. */
  readonly columns?: number;
}

/** One step (a token for each slot) from an empty machine; a block is what a third layer adds to two. */
export function timeModel(
  config: MatMulFreeConfig,
  cores: number,
  timing: MemoryTiming,
  shape: BatchShape = { batch: 1, mode: 'decode' },
): ModelTime {
  const two = timeLayers(config, 2, cores, timing, shape);
  const three = timeLayers(config, 3, cores, timing, shape);
  const more = (of: (statistics: Statistics) => number) => of(three) - of(two);
  const whole = (of: (statistics: Statistics) => number) => of(two) + (config.layers - 2) * more(of);
  const moved = ({ weightBeats, loadBeats, storeBeats }: Statistics) => weightBeats + loadBeats + storeBeats;
  const core = (kind: keyof CoreCycles) =>
    more((statistics) => statistics.cores.reduce((sum, each) => sum + each[kind], 0)) / cores;
  const stallsBy = stallCauses.map((cause) => [cause, more(({ stalls }) => stalls[cause])] as const);
  return {
    coreCycles: {
      busy: core('busy'),
      starved: core('starved'),
      blocked: core('blocked'),
      idle: core('idle'),
    },
    stalls: Object.fromEntries(stallsBy) as Record<StallCause, number>,
    rowCyclesPerToken: whole(({ unitBusy }) => unitBusy.row),
    weightBeatsPerToken: whole(({ weightBeats }) => weightBeats),
    cyclesPerBlock: more(({ cycles }) => cycles),
    cyclesPerToken: whole(({ cycles }) => cycles),
    weightBeatsPerBlock: more(({ weightBeats }) => weightBeats),
    beatsPerBlock: more(moved),
    beatsPerToken: whole(moved),
  };
}

function timeLayers(
  config: MatMulFreeConfig,
  layers: number,
  cores: number,
  timing: MemoryTiming,
  { batch, mode, columns = defaultSizes.columns }: BatchShape,
): Statistics {
  const sizes = { ...defaultSizes, cores, batch, columns };
  const options = { sizes, logits: false, latency: readLatency(timing), mode };
  const { program, beats } = compileParameters({ ...config, layers }, new Map(), anyConstants, options);
  let asked = 0;
  const tokens = new Array<number>(batch).fill(0);
  const host = { next: () => (asked++ === 0 ? tokens : ('end' as const)), take: () => {} };
  const cluster = new Cluster({ sizes, timing, program, memory: { beats }, host });
  const halt = cluster.run();
  if (halt?.code !== 0) throw new Error(`a timing run ended with ${JSON.stringify(halt)}`);
  return cluster.statistics;
}
