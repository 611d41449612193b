/** The part of a configuration that identifies a model. */
import type { DecoderConfig, ModelConfig } from './config.ts';

/**
 * Whether each field distinguishes models whose tensors have the same names and shapes. Fields that decide names or
 * shapes are `false`, and so are those of training and of the tokenizer. A new field, or a new type of model, does not
 * compile until it is listed here.
 */
type Distinguishing<Config> = { readonly [Field in keyof Config]-?: boolean };

const everywhere = {
  ...{ vocabSize: false, hiddenSize: false, layers: false, intermediateSize: false },
  ...{ bosTokenId: false, eosTokenId: false, initializerRange: false, maxPositionEmbeddings: false },
} as const;

const decoder: Distinguishing<DecoderConfig> = {
  ...everywhere,
  modelType: true,
  heads: true,
  ...{ keyHeads: false, headSize: false }, // the shapes of the projections, for a number of heads
  rope: true,
  projections: true,
  activation: true,
  ...{ queryKeyNorm: false, attentionBias: false, mlpBias: false, tieWordEmbeddings: false }, // tensors of their own
  scores: true,
  rmsNormEps: true,
};

const fields: { readonly [C in ModelConfig as C['modelType']]: Distinguishing<C> } = {
  hgrn_bit: {
    ...everywhere,
    ...{ modelType: true, variant: true, useLowerBound: false, rmsNormEps: true, weights: true },
  },
  rwkv_bit: { ...everywhere, modelType: true, rmsNormEps: true, weights: true },
  llama: decoder,
  bitnet: decoder,
  qwen3: decoder,
};

/**
 * The values that distinguish a model's configuration from others with the same tensors. Absent values are left out, so
 * that a new optional field does not change the identity of earlier models.
 */
export function identityOf(config: ModelConfig): unknown[] {
  const values = new Map<string, unknown>(Object.entries(config));
  return Object.entries(fields[config.modelType])
    .filter(([, distinguishes]) => distinguishes)
    .map(([name]) => values.get(name))
    .filter((value) => value !== undefined);
}
