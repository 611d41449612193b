/**
 * What fixes a model's shape. Plain data, the same wherever it runs; `src/checkpoint/` translates it from and
 * to Hugging Face's `config.json`.
 */

/** The MatMul-free language model: ternary weights everywhere but in the embedding, MLGRU, GLU. */
export interface MatMulFreeConfig {
  readonly modelType: 'hgrn_bit';
  /** The form that the authors released, on which their checkpoints run, or the paper's; they differ in the MLGRU. */
  readonly variant: 'released' | 'paper';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Width of the GLU, already resolved if the file left it open. */
  readonly intermediateSize: number;
  /** Of the norms around the blocks; those inside BitLinear always use 1e-6. */
  readonly rmsNormEps: number;
  readonly useLowerBound: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | readonly number[] | null;
  /** Deviation of a new model's weights. */
  readonly initializerRange: number;
  /** The length that the model was made for; nothing breaks beyond it. */
  readonly maxPositionEmbeddings: number;
}

/** Every kind of model, told apart by `modelType`. */
export type ModelConfig = MatMulFreeConfig;

/** The GLU's width where none is given: about hiddenSize · ratio · 2/3, rounded up to a multiple of 256. */
export function defaultIntermediateSize(hiddenSize: number, hiddenRatio = 4): number {
  return 256 * Math.ceil(Math.floor((hiddenSize * hiddenRatio * 2) / 3) / 256);
}

/** Sizes by name: three that a laptop trains, then those of the paper (7B and 13B had random weights only). */
const sizes = {
  tiny: { layers: 4, hiddenSize: 128 },
  mini: { layers: 6, hiddenSize: 256 },
  small: { layers: 8, hiddenSize: 512 },
  '370M': { layers: 24, hiddenSize: 1024 },
  '1.3B': { layers: 24, hiddenSize: 2048 },
  '2.7B': { layers: 32, hiddenSize: 2560 },
  '7B': { layers: 32, hiddenSize: 4096 },
  '13B': { layers: 40, hiddenSize: 5120 },
} as const;

export type ConfigName = keyof typeof sizes;

export const configNames = Object.keys(sizes) as readonly ConfigName[];

export function isConfigName(name: string): name is ConfigName {
  return Object.hasOwn(sizes, name);
}

/** A named configuration with the released recipe's settings; a vocabulary of 32000 unless told otherwise. */
export function namedConfig(
  name: ConfigName,
  options: { vocabSize?: number; variant?: MatMulFreeConfig['variant'] } = {},
): MatMulFreeConfig {
  const { layers, hiddenSize } = sizes[name];
  const variant = options.variant ?? 'released';
  return {
    modelType: 'hgrn_bit',
    variant,
    vocabSize: options.vocabSize ?? 32000,
    hiddenSize,
    layers,
    intermediateSize: defaultIntermediateSize(hiddenSize),
    rmsNormEps: 1e-6,
    useLowerBound: variant === 'released', // the paper has none
    bosTokenId: 1,
    eosTokenId: 2,
    initializerRange: 0.02,
    maxPositionEmbeddings: 2048,
  };
}
