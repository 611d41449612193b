/**
 * The configuration of a model: plain data that fixes its shape. `src/checkpoint/` translates it from and to Hugging
 * Face's `config.json`.
 */
import { InputError } from '../errors.ts';
import type { Rope } from './rope.ts';

/** Models without attention: a recurrence, a GLU, and ternary weights everywhere but in the embedding. */
export interface RecurrentConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Width of the GLU; the default is filled in if the file has none. */
  readonly intermediateSize: number;
  /** Epsilon of the norms around the blocks. Norms inside BitLinear always use 1e-6. */
  readonly rmsNormEps: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | readonly number[] | null;
  /** Standard deviation of a new model's weights. */
  readonly initializerRange: number;
  /** Context length of training. Longer sequences work too. */
  readonly maxPositionEmbeddings: number;
  /**
   * Matrices of floats, and no rounding of activations; absent: ternary matrices. Norms stay where they are, so that
   * nothing but the rounding differs.
   */
  readonly weights?: 'float' | undefined;
}

/** The MatMul-free language model, whose token mixer is the MLGRU. */
export interface MatMulFreeConfig extends RecurrentConfig {
  readonly modelType: 'hgrn_bit';
  /** The form of the authors' code and checkpoints, or the paper's. They differ in the MLGRU. */
  readonly variant: 'released' | 'paper';
  readonly useLowerBound: boolean;
}

/** MatMul-free RWKV-4: the same model with RWKV's token mixer. */
export interface RwkvConfig extends RecurrentConfig {
  readonly modelType: 'rwkv_bit';
}

/** The matrices of a transformer's blocks. How each is stored in memory is not part of the configuration. */
export type Projections =
  /** Products with floats. */
  | { readonly kind: 'float' }
  /** Ternary, with one scale a matrix and int8 activations with one scale a token. */
  | {
      readonly kind: 'ternary';
      /** ε of an RMSNorm of a projection's input before it is rounded; null: there is none. */
      readonly normEpsilon: number | null;
      /** Modules whose matrices are float all the same: names, beginnings or endings of names, as `lm_head`. */
      readonly exceptions: readonly string[];
    };

/** Transformers: attention heads, rotary positions, a gated unit. */
export interface AttentionConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly intermediateSize: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads; each serves heads / keyHeads query heads. */
  readonly keyHeads: number;
  /** Width of a head, a multiple of 4. */
  readonly headSize: number;
  readonly rope: Rope;
  readonly projections: Projections;
  /** Whether each head of queries and keys is normalised before it is rotated. */
  readonly queryKeyNorm: boolean;
  /**
   * Rotated queries and keys rounded to −t, 0 or t, with t the mean magnitude of a token's head, so that scores are
   * sums without multiplications; absent: floats. Gradients go straight through.
   */
  readonly scores?: 'ternary' | undefined;
  /** Whether the four projections of attention have biases, and the three of the gated unit. */
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  /** Activation of the gate. */
  readonly activation: 'silu' | 'relu2';
  readonly rmsNormEps: number;
  /** Whether the head shares the embedding's weights. */
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | readonly number[] | null;
  readonly initializerRange: number;
  /** Context length in tokens. */
  readonly maxPositionEmbeddings: number;
}

/** Transformer++, the paper's baseline: Llama, with float matrices or, as Falcon-E, ternary ones. */
export interface TransformerConfig extends AttentionConfig {
  readonly modelType: 'llama';
}

/** BitNet b1.58: a Transformer whose projections are ternary, or float for comparison; embedding and head are float. */
export interface BitNetConfig extends AttentionConfig {
  readonly modelType: 'bitnet';
}

/** Qwen 3: Llama with norms of queries and keys. */
export interface QwenConfig extends AttentionConfig {
  readonly modelType: 'qwen3';
}

/** Models that attend to earlier tokens. */
export type DecoderConfig = TransformerConfig | BitNetConfig | QwenConfig;

/** Every kind of model, distinguished by `modelType`. */
export type ModelConfig = MatMulFreeConfig | RwkvConfig | DecoderConfig;

/** Whether a model attends to earlier tokens, and so cannot exceed the context length it was trained with. */
export function attends(config: ModelConfig): config is DecoderConfig {
  return config.modelType !== 'hgrn_bit' && config.modelType !== 'rwkv_bit';
}

/** The GLU's width where none is given: about hiddenSize · ratio · 2/3, rounded up to a multiple of 256. */
export function defaultIntermediateSize(hiddenSize: number, hiddenRatio = 4): number {
  return 256 * Math.ceil(Math.floor((hiddenSize * hiddenRatio * 2) / 3) / 256);
}

/**
 * Three sizes that a laptop can train, the paper's sizes (7B and 13B had random weights only), and the size of
 * microsoft/bitnet-b1.58-2B-4T.
 */
const sizes = {
  tiny: { layers: 4, hiddenSize: 128 },
  mini: { layers: 6, hiddenSize: 256 },
  small: { layers: 8, hiddenSize: 512 },
  '370M': { layers: 24, hiddenSize: 1024 },
  '1.3B': { layers: 24, hiddenSize: 2048 },
  '2.7B': { layers: 32, hiddenSize: 2560 },
  '7B': { layers: 32, hiddenSize: 4096 },
  '13B': { layers: 40, hiddenSize: 5120 },
  '2B4T': { layers: 30, hiddenSize: 2560 },
} as const;

export type ConfigName = keyof typeof sizes;

export const configNames = Object.keys(sizes) as readonly ConfigName[];

export function isConfigName(name: string): name is ConfigName {
  return Object.hasOwn(sizes, name);
}

/** Architectures by name, and the model types of their checkpoints. */
const architectures = {
  'matmul-free': 'hgrn_bit',
  rwkv: 'rwkv_bit',
  llama: 'llama',
  bitnet: 'bitnet',
  qwen3: 'qwen3',
} as const satisfies Record<string, ModelConfig['modelType']>;

export type ArchitectureName = keyof typeof architectures;

export const architectureNames = Object.keys(architectures) as readonly ArchitectureName[];

export interface ConfigOptions {
  /** Default: 32000; 128256 for 2B4T. */
  readonly vocabSize?: number | undefined;
  /** Default: MatMul-free; BitNet for 2B4T. */
  readonly architecture?: ArchitectureName | undefined;
  /** MatMul-free models only. */
  readonly variant?: MatMulFreeConfig['variant'] | undefined;
  /** Default: as the architecture is published. */
  readonly weights?: 'ternary' | 'float' | undefined;
  /** Models that attend only. Default: float. */
  readonly scores?: 'ternary' | 'float' | undefined;
  /** Overrides of the named sizes. */
  readonly layers?: number | undefined;
  readonly hiddenSize?: number | undefined;
  readonly intermediateSize?: number | undefined;
}

/**
 * Returns a named configuration with the published settings of its architecture; `options` override its sizes.
 * @throws InputError if name and options contradict each other
 */
export function namedConfig(
  name: ConfigName,
  options: ConfigOptions & { readonly architecture: 'llama' },
): TransformerConfig;
export function namedConfig(
  name: ConfigName,
  options: ConfigOptions & { readonly architecture: 'bitnet' },
): BitNetConfig;
export function namedConfig(
  name: Exclude<ConfigName, '2B4T'>,
  options: ConfigOptions & { readonly architecture: 'qwen3' },
): QwenConfig;
export function namedConfig(
  name: Exclude<ConfigName, '2B4T'>,
  options: ConfigOptions & { readonly architecture: 'rwkv' },
): RwkvConfig;
export function namedConfig(
  name: Exclude<ConfigName, '2B4T'>,
  options?: ConfigOptions & { readonly architecture?: 'matmul-free' | undefined },
): MatMulFreeConfig;
export function namedConfig(name: ConfigName, options?: ConfigOptions): ModelConfig;
export function namedConfig(name: ConfigName, options: ConfigOptions = {}): ModelConfig {
  const is2B4T = name === '2B4T';
  const architecture = options.architecture ?? (is2B4T ? 'bitnet' : 'matmul-free');
  if (is2B4T && architecture !== 'bitnet') {
    throw new InputError(`architecture: found ${architecture}, expected bitnet for 2B4T`);
  }
  if (options.variant && architecture !== 'matmul-free') {
    throw new InputError(`variant: found ${options.variant}, expected none for ${architecture}`);
  }
  const isRecurrent = architecture === 'matmul-free' || architecture === 'rwkv';
  if (options.scores && isRecurrent) {
    throw new InputError(
      `scores: found ${options.scores}, expected none for ${architecture}, which does not attend`,
    );
  }
  if (architecture === 'matmul-free') return matMulFree(name, options);
  if (architecture === 'rwkv') return { modelType: 'rwkv_bit', ...recurrent(name, options) };
  const { projections } = kinds[architecture];
  if (options.weights === 'ternary' && projections.kind === 'float') {
    throw new InputError(`weights: found ternary, expected float for ${architecture}`);
  }
  return {
    ...attention(name, options),
    ...kinds[architecture],
    ...(options.weights === 'float' ? { projections: float } : {}),
    ...(options.scores === 'ternary' ? { scores: options.scores } : {}),
  };
}

const float = { kind: 'float' } as const;
const ternary = { kind: 'ternary', normEpsilon: null, exceptions: ['lm_head'] } as const;
const rope = (theta: number) => ({ type: 'default', theta }) as const;

/** The settings of each architecture with attention, as published. */
const kinds = {
  llama: {
    modelType: 'llama',
    projections: float,
    queryKeyNorm: false,
    activation: 'silu',
    rope: rope(10_000),
    rmsNormEps: 1e-6,
  },
  bitnet: {
    modelType: 'bitnet',
    projections: ternary,
    queryKeyNorm: false,
    activation: 'relu2',
    rope: rope(500_000),
    rmsNormEps: 1e-5,
  },
  qwen3: {
    modelType: 'qwen3',
    projections: float,
    queryKeyNorm: true,
    activation: 'silu',
    rope: rope(1_000_000),
    rmsNormEps: 1e-6,
  },
} as const;

function matMulFree(name: ConfigName, options: ConfigOptions): MatMulFreeConfig {
  const { variant = 'released' } = options;
  const useLowerBound = variant === 'released'; // the paper has no lower bounds
  return { modelType: 'hgrn_bit', variant, useLowerBound, ...recurrent(name, options) };
}

function recurrent(name: ConfigName, options: ConfigOptions): RecurrentConfig {
  const { layers = sizes[name].layers, hiddenSize = sizes[name].hiddenSize } = options;
  return {
    vocabSize: options.vocabSize ?? 32000,
    hiddenSize,
    layers,
    intermediateSize: options.intermediateSize ?? defaultIntermediateSize(hiddenSize),
    rmsNormEps: 1e-6,
    bosTokenId: 1,
    eosTokenId: 2,
    initializerRange: 0.02,
    maxPositionEmbeddings: 2048,
    ...(options.weights === 'float' ? { weights: options.weights } : {}),
  };
}

/** The attention settings of a named size. 2B4T is as published. */
function attention(
  name: ConfigName,
  options: ConfigOptions,
): Omit<AttentionConfig, 'rope' | 'projections' | 'queryKeyNorm' | 'activation' | 'rmsNormEps'> {
  const { layers = sizes[name].layers, hiddenSize = sizes[name].hiddenSize } = options;
  const published = name === '2B4T' && hiddenSize === sizes[name].hiddenSize;
  const headSize = usualHeadSize(hiddenSize);
  const heads = hiddenSize / headSize;
  const vocabSize = options.vocabSize ?? (published ? 128_256 : 32_000);
  const [bosTokenId, eosTokenId] = vocabSize === 128_256 ? [128_000, 128_001] : [1, 2];
  return {
    vocabSize,
    hiddenSize,
    layers,
    intermediateSize: options.intermediateSize ?? (published ? 6912 : defaultIntermediateSize(hiddenSize)),
    heads,
    keyHeads: published ? 5 : heads,
    headSize,
    attentionBias: false,
    mlpBias: false,
    tieWordEmbeddings: published,
    bosTokenId,
    eosTokenId,
    initializerRange: 0.02,
    maxPositionEmbeddings: published ? 4096 : 2048,
  };
}

/** 128 for wide models, 64 for others, or the next smaller size that divides the width. */
function usualHeadSize(hiddenSize: number): number {
  const sizes = hiddenSize >= 2048 ? [128, 64, 32, 16, 8, 4] : [64, 32, 16, 8, 4];
  const found = sizes.find((size) => hiddenSize % size === 0);
  if (found === undefined) {
    throw new InputError(`hidden_size: found ${hiddenSize}, expected a multiple of 4 for heads of attention`);
  }
  return found;
}
