/** Hugging Face's `config.json` of `llama`, `bitnet` and `qwen3` models ⇄ their configs. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';
import { attends, type DecoderConfig, type ModelConfig } from '../model/config.ts';
import {
  beginningToken,
  endToken,
  flag,
  integer,
  only,
  parseFields,
  plusminusScores,
  plusminusWeights,
  positive,
} from './configFields.ts';
import {
  formatQuantization,
  quantizationConfig,
  refuseScaledBiases,
  ternaryProjections,
} from './quantizationConfig.ts';
import { formatRope, parseRope, ropeFields } from './ropeConfig.ts';

const fields = v.object({
  vocab_size: integer(1, 2 ** 24),
  hidden_size: integer(1, 2 ** 17),
  num_hidden_layers: integer(1, 2048),
  intermediate_size: integer(1, 2 ** 20),
  num_attention_heads: integer(1, 2 ** 14),
  num_key_value_heads: v.nullish(integer(1, 2 ** 14)),
  head_dim: v.nullish(integer(1, 512)),
  hidden_act: v.optional(only('silu', 'swish', 'relu2')),
  max_position_embeddings: v.optional(integer(1, 2 ** 24), 2048),
  initializer_range: v.optional(positive(100), 0.02),
  rms_norm_eps: v.optional(positive(1)),
  bos_token_id: v.optional(beginningToken),
  eos_token_id: v.optional(endToken),
  tie_word_embeddings: v.optional(flag, false),
  ...ropeFields,
  attention_bias: v.nullish(flag),
  // Dropout acts only in training.
  attention_dropout: v.nullish(v.number('expected a number')),
  mlp_bias: v.nullish(flag),
  quantization_config: quantizationConfig,
  plusminus_weights: plusminusWeights,
  plusminus_scores: plusminusScores,
});

/** Qwen's: windows of attention, which none of its published dense models uses. */
const qwenFields = v.object({
  ...fields.entries,
  use_sliding_window: v.nullish(only(false)),
  // Sizes of windows that are not used.
  sliding_window: v.nullish(v.number('expected a number')),
  max_window_layers: v.nullish(v.number('expected a number')),
  layer_types: v.nullish(v.array(only('full_attention'))),
});

type Fields = v.InferOutput<typeof fields>;

/** What the architectures differ in, and the defaults of Hugging Face's classes. */
interface Kind {
  readonly activation: 'silu' | 'relu2';
  readonly queryKeyNorm: boolean;
  /** Default: the width divided by the heads. */
  readonly headSize?: number;
  readonly theta: number;
  readonly rmsNormEps: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
}

type Type = DecoderConfig['modelType'];

const kinds: { readonly [T in Type]: Kind } = {
  llama: {
    ...{ activation: 'silu', queryKeyNorm: false },
    ...{ theta: 10_000, rmsNormEps: 1e-6, bosTokenId: 1, eosTokenId: 2 },
  },
  bitnet: {
    ...{ activation: 'relu2', queryKeyNorm: false },
    ...{ theta: 500_000, rmsNormEps: 1e-5, bosTokenId: 128_000, eosTokenId: 128_001 },
  },
  qwen3: {
    ...{ activation: 'silu', queryKeyNorm: true, headSize: 128 },
    ...{ theta: 10_000, rmsNormEps: 1e-6, bosTokenId: null, eosTokenId: null },
  },
};

interface AttentionFamily {
  readonly knownFields: ReadonlySet<string>;
  /** @throws InputError naming the field, its value and what is supported */
  parse(json: JsonObject, where: string): DecoderConfig;
}

function family(schema: typeof fields | typeof qwenFields, modelType: Type): AttentionFamily {
  return {
    knownFields: new Set(Object.keys(schema.entries)),
    parse: (json, where) => parseDecoder(parseFields(schema, json, where), where, modelType),
  };
}

export const attentionFamilies: { readonly [T in Type]: AttentionFamily } = {
  llama: family(fields, 'llama'),
  bitnet: family(fields, 'bitnet'),
  qwen3: family(qwenFields, 'qwen3'),
};

function parseDecoder(parsed: Fields, where: string, modelType: Type): DecoderConfig {
  const kind = kinds[modelType];
  const named = parsed.hidden_act === 'swish' ? 'silu' : (parsed.hidden_act ?? kind.activation);
  if (named === 'relu2' && modelType !== 'bitnet') {
    refuse(where, 'hidden_act', named, `expected "silu" in a model of type ${modelType}`);
  }
  if (parsed.mlp_bias && modelType !== 'llama') {
    refuse(where, 'mlp_bias', true, `expected false in a model of type ${modelType}`);
  }
  const isTernary = isTernaryModel(parsed, where, modelType);
  const config = {
    modelType,
    ...sizes(parsed, where, kind),
    projections: isTernary
      ? ternaryProjections(parsed.quantization_config, where)
      : ({ kind: 'float' } as const),
    queryKeyNorm: kind.queryKeyNorm,
    attentionBias: parsed.attention_bias ?? false,
    mlpBias: parsed.mlp_bias ?? false,
    activation: named,
    rmsNormEps: parsed.rms_norm_eps ?? kind.rmsNormEps,
    tieWordEmbeddings: parsed.tie_word_embeddings,
    bosTokenId: parsed.bos_token_id === undefined ? kind.bosTokenId : parsed.bos_token_id,
    eosTokenId: parsed.eos_token_id === undefined ? kind.eosTokenId : parsed.eos_token_id,
    initializerRange: parsed.initializer_range,
    ...(parsed.plusminus_scores === undefined ? {} : { scores: parsed.plusminus_scores }),
  };
  if (isTernary) refuseScaledBiases(parsed.quantization_config, config, where);
  return config;
}

/** A BitNet's projections are ternary unless this project trained it with floats. */
function isTernaryModel(parsed: Fields, where: string, modelType: Type): boolean {
  const { plusminus_weights: weights, quantization_config: quantization } = parsed;
  if (weights === undefined) return modelType === 'bitnet' || quantization != null;
  if (quantization != null) {
    refuse(
      where,
      'plusminus_weights',
      weights,
      'expected none beside quantization_config, which makes them ternary',
    );
  }
  return false;
}

function sizes(parsed: Fields, where: string, kind: Kind) {
  const heads = parsed.num_attention_heads;
  const keyHeads = parsed.num_key_value_heads ?? heads;
  const headSize = parsed.head_dim ?? kind.headSize ?? parsed.hidden_size / heads;
  if (heads % keyHeads) {
    refuse(where, 'num_key_value_heads', keyHeads, `expected a divisor of num_attention_heads (${heads})`);
  }
  if (headSize % 4) {
    refuse(
      where,
      parsed.head_dim ? 'head_dim' : 'hidden_size',
      parsed.head_dim ?? parsed.hidden_size,
      `expected a head size that is a multiple of 4, found ${headSize}`,
    );
  }
  const length = parsed.max_position_embeddings;
  return {
    vocabSize: parsed.vocab_size,
    hiddenSize: parsed.hidden_size,
    layers: parsed.num_hidden_layers,
    intermediateSize: parsed.intermediate_size,
    ...{ heads, keyHeads, headSize },
    rope: parseRope(parsed, { where, theta: kind.theta, headSize, length }),
    maxPositionEmbeddings: length,
  };
}

function refuse(where: string, field: string, found: unknown, reason: string): never {
  throw new InputError(`${where}: ${field}: found ${show(found)}, ${reason}`);
}

const classes = { llama: 'LlamaForCausalLM', bitnet: 'BitNetForCausalLM', qwen3: 'Qwen3ForCausalLM' };

/** The fields of a config.json that say that ternary matrices are packed, if the model has any. */
export function packedFields(config: ModelConfig): JsonObject {
  return attends(config) ? formatQuantization(config, 'offline') : {};
}

/** The fields that say that matrices are floats. */
export function floatFields(config: ModelConfig): JsonObject {
  return attends(config) ? formatQuantization(config, 'online') : {};
}

/** The fields of a config.json that Hugging Face's package and this project read. */
export function formatAttention(config: DecoderConfig, kept: Readonly<JsonObject>): JsonObject {
  const { plusminus_weights: _, plusminus_scores: __, ...others } = kept;
  const isFloatBitNet = config.modelType === 'bitnet' && config.projections.kind === 'float';
  return {
    architectures: [classes[config.modelType]],
    use_cache: true,
    attention_dropout: 0,
    ...floatFields(config),
    ...others,
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    intermediate_size: config.intermediateSize,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyHeads,
    head_dim: config.headSize,
    hidden_act: config.activation,
    max_position_embeddings: config.maxPositionEmbeddings,
    initializer_range: config.initializerRange,
    rms_norm_eps: config.rmsNormEps,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    tie_word_embeddings: config.tieWordEmbeddings,
    attention_bias: config.attentionBias,
    ...(config.modelType === 'llama' ? { mlp_bias: config.mlpBias } : {}),
    ...(isFloatBitNet ? { plusminus_weights: 'float' } : {}),
    ...(config.scores === undefined ? {} : { plusminus_scores: config.scores }),
    ...formatRope(config.rope, config.maxPositionEmbeddings),
  };
}
