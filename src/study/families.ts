/** The kinds of models that studies compare: what each is called and drawn as, and how its sizes are configured. */
import type { ModelConfig } from '../model/config.ts';
import { namedConfig } from '../model/config.ts';

export interface Shape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Default: as Llama's and the paper's sizes, about 8/3 of the width, a multiple of 256. */
  readonly intermediateSize?: number;
}

export interface Family {
  /** In file names. */
  readonly name: string;
  readonly label: string;
  readonly color: string;
  config(shape: Shape): ModelConfig;
  /** How it is trained: the paper's schedule for it, and rates to begin the search with, each twice the last. */
  readonly training: {
    readonly schedule: 'matmulfree' | 'cosine';
    /** For the smallest models. */
    readonly rates: readonly number[];
  };
  /**
   * Products of a token with what came before it, in length × width of each layer, on the average over a text: 1 for
   * attention (its scores and its sum, each over half of the text), 0 for a recurrence.
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

/** Positions beyond the usual 2,048, so that a text of that length can go on. */
const longest = { maxPositionEmbeddings: 4096 };

export const transformer: Family = {
  name: 'transformer',
  label: 'Transformer++',
  color: '#d95f02',
  config: (shape) => ({ ...namedConfig('tiny', { ...shape, architecture: 'llama' }), ...longest }),
  training: { schedule: 'cosine', rates: [2e-3, 4e-3, 8e-3] },
  contextProducts: 1,
};

export const bitNet: Family = {
  name: 'bitnet',
  label: 'BitNet b1.58',
  color: '#5aae61',
  config: (shape) => ({ ...namedConfig('tiny', { ...shape, architecture: 'bitnet' }), ...longest }),
  training: { schedule: 'cosine', rates: [2e-3, 4e-3, 8e-3] },
  contextProducts: 1,
};

export const allFamilies: readonly Family[] = [matmulFree, rwkv, bitNet, transformer];

/** The paper's sizes; the last two had random weights only. */
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
