/** Model families that studies compare: names, colours, configurations and training recipes. */
import type { ModelConfig } from '../model/config.ts';
import { namedConfig } from '../model/config.ts';

export interface Shape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Default: about 8/3 of the width, a multiple of 256, as in Llama and the paper. */
  readonly intermediateSize?: number;
}

export interface Family {
  /** Used in file names. */
  readonly name: string;
  readonly label: string;
  readonly color: string;
  config(shape: Shape): ModelConfig;
  /** The paper's schedule, and the first learning rates of the search, each twice the one before. */
  readonly training: {
    readonly schedule: 'matmulfree' | 'cosine';
    /** For the smallest models. */
    readonly rates: readonly number[];
  };
  /**
   * Average multiplications of a token with its context, in units of length × width per layer: 1 for attention (scores
   * and weighted sum, each over half of the text), 0 for a recurrence.
   */
  readonly contextProducts: number;
}

export const matmulFree: Family = {
  name: 'matmul-free',
  label: 'MatMul-free',
  color: '#2166ac',
  config: (shape) => namedConfig('tiny', shape),
  training: { schedule: 'matmulfree', rates: [5e-3, 1e-2, 2e-2] },
  contextProducts: 0,
};

export const rwkv: Family = {
  name: 'rwkv',
  label: 'MatMul-free RWKV-4',
  color: '#7b5ea7',
  config: (shape) => namedConfig('tiny', { ...shape, architecture: 'rwkv' }),
  training: matmulFree.training,
  contextProducts: 0,
};

/** More than the usual 2,048 positions, so that a text of that length can be continued. */
const longContext = { maxPositionEmbeddings: 4096 };

export const transformer: Family = {
  name: 'transformer',
  label: 'Transformer++',
  color: '#d95f02',
  config: (shape) => ({ ...namedConfig('tiny', { ...shape, architecture: 'llama' }), ...longContext }),
  training: { schedule: 'cosine', rates: [2e-3, 4e-3, 8e-3] },
  contextProducts: 1,
};

export const bitNet: Family = {
  name: 'bitnet',
  label: 'BitNet b1.58',
  color: '#5aae61',
  config: (shape) => ({ ...namedConfig('tiny', { ...shape, architecture: 'bitnet' }), ...longContext }),
  training: { schedule: 'cosine', rates: [2e-3, 4e-3, 8e-3] },
  contextProducts: 1,
};

export const allFamilies: readonly Family[] = [matmulFree, rwkv, bitNet, transformer];

/** Sizes of the paper; 7B and 13B have random weights only. */
export const paperShapes = {
  '370M': { layers: 24, hiddenSize: 1024 },
  '1.3B': { layers: 24, hiddenSize: 2048 },
  '2.7B': { layers: 32, hiddenSize: 2560 },
  '7B': { layers: 32, hiddenSize: 4096 },
  '13B': { layers: 40, hiddenSize: 5120 },
} as const;

export type PaperSize = keyof typeof paperShapes;

export const paperSizes = Object.keys(paperShapes) as readonly PaperSize[];

export const paperVocabulary = 32000;
