/** Hugging Face's `config.json` of `llama` and `bitnet` models ⇄ their configs. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';
import type { AttentionConfig, BitNetConfig, ModelConfig, TransformerConfig } from '../model/config.ts';
import { beginningToken, endToken, flag, integer, only, parseFields, positive } from './configFields.ts';

/** Plain positions, not scaled for longer contexts than a model was trained for. */
const plainRope = only('default');

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
  rope_theta: v.nullish(positive(1e12)),
  rope_scaling: v.nullish(v.looseObject({ rope_type: v.optional(plainRope), type: v.optional(plainRope) })),
  rope_parameters: v.nullish(
    v.looseObject({ rope_theta: v.optional(positive(1e12)), rope_type: v.optional(plainRope) }),
  ),
  attention_bias: v.optional(only(false)),
  // Dropout acts only in training.
  attention_dropout: v.nullish(v.number('expected a number')),
  mlp_bias: v.optional(only(false)),
  quantization_config: v.nullish(
    v.looseObject({
      quant_method: only('bitnet'),
      // The other class of that method stores the inverse of the scale.
      linear_class: only('autobitlinear'),
      quantization_mode: v.optional(only('offline', 'online')),
      use_rms_norm: v.optional(only(false)),
    }),
  ),
});

type Fields = v.InferOutput<typeof fields>;

export const attentionFieldNames: ReadonlySet<string> = new Set(Object.keys(fields.entries));

/** @throws InputError naming the field, its value and what is supported */
export function parseLlama(json: JsonObject, where: string): TransformerConfig {
  const parsed = parseFields(fields, json, where);
  if (parsed.hidden_act === 'relu2') refuse(where, 'hidden_act', 'relu2', 'expected "silu" in a Llama');
  if (parsed.quantization_config) {
    refuse(
      where,
      'quantization_config',
      json.quantization_config,
      'not supported in a Llama; expected floats',
    );
  }
  const defaults = { bos: 1, eos: 2, theta: 10_000, epsilon: 1e-6 };
  return { modelType: 'llama', ...common(parsed, where, defaults), activation: 'silu' };
}

/** @throws InputError naming the field, its value and what is supported */
export function parseBitNet(json: JsonObject, where: string): BitNetConfig {
  const parsed = parseFields(fields, json, where);
  const defaults = { bos: 128_000, eos: 128_001, theta: 500_000, epsilon: 1e-5 };
  const activation = (parsed.hidden_act ?? 'relu2') === 'relu2' ? 'relu2' : 'silu';
  return { modelType: 'bitnet', ...common(parsed, where, defaults), activation };
}

interface Defaults {
  readonly bos: number;
  readonly eos: number;
  readonly theta: number;
  readonly epsilon: number;
}

function common(parsed: Fields, where: string, defaults: Defaults): Omit<AttentionConfig, 'activation'> {
  const heads = parsed.num_attention_heads;
  const keyHeads = parsed.num_key_value_heads ?? heads;
  const headSize = parsed.head_dim ?? parsed.hidden_size / heads;
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
  return {
    vocabSize: parsed.vocab_size,
    hiddenSize: parsed.hidden_size,
    layers: parsed.num_hidden_layers,
    intermediateSize: parsed.intermediate_size,
    ...{ heads, keyHeads, headSize },
    ropeTheta: thetaOf(parsed, where) ?? defaults.theta,
    rmsNormEps: parsed.rms_norm_eps ?? defaults.epsilon,
    tieWordEmbeddings: parsed.tie_word_embeddings,
    bosTokenId: parsed.bos_token_id === undefined ? defaults.bos : parsed.bos_token_id,
    eosTokenId: parsed.eos_token_id === undefined ? defaults.eos : parsed.eos_token_id,
    initializerRange: parsed.initializer_range,
    maxPositionEmbeddings: parsed.max_position_embeddings,
  };
}

/** Newer files have it in a nested object; some have it twice. */
function thetaOf(parsed: Fields, where: string): number | undefined {
  checkScaling(parsed, where);
  const { rope_theta: plain, rope_parameters } = parsed;
  const inner = rope_parameters?.rope_theta;
  if (plain != null && inner !== undefined && plain !== inner) {
    refuse(where, 'rope_theta', plain, `but rope_parameters has ${inner}; expected one value`);
  }
  return inner ?? plain ?? undefined;
}

/** A factor without a type would be ignored, and positions would differ from those the authors meant. */
function checkScaling({ rope_scaling, rope_parameters }: Fields, where: string): void {
  for (const [name, scaling] of Object.entries({ rope_scaling, rope_parameters })) {
    const { rope_type, type, rope_theta: _, ...others } = (scaling ?? {}) as JsonObject;
    for (const [key, value] of Object.entries(others)) {
      if (value === null || (key === 'partial_rotary_factor' && value === 1)) continue;
      if ((rope_type ?? type) !== undefined && key !== 'partial_rotary_factor') continue;
      refuse(
        where,
        `${name}.${key}`,
        value,
        'not supported; expected plain rotary positions (rope_type "default")',
      );
    }
  }
}

function refuse(where: string, field: string, found: unknown, reason: string): never {
  throw new InputError(`${where}: ${field}: found ${show(found)}, ${reason}`);
}

const classes = { llama: 'LlamaForCausalLM', bitnet: 'BitNetForCausalLM' };

/** Settings for Hugging Face's package: quantise float weights to ternary, or read packed ones. */
function quantisation(mode: 'online' | 'offline'): JsonObject {
  return {
    quantization_config: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: mode },
  };
}

/** The fields of a config.json that mark ternary matrices as packed, if its model type has such fields. */
export function packedFields({ modelType }: ModelConfig): JsonObject {
  return modelType === 'bitnet' ? quantisation('offline') : {};
}

/** The fields that mark matrices as floats. */
export function floatFields({ modelType }: ModelConfig): JsonObject {
  return modelType === 'bitnet' ? quantisation('online') : {};
}

/** The fields of a config.json that Hugging Face's package and this project read. */
export function formatAttention(
  config: TransformerConfig | BitNetConfig,
  kept: Readonly<JsonObject>,
): JsonObject {
  return {
    architectures: [classes[config.modelType]],
    use_cache: true,
    attention_bias: false,
    attention_dropout: 0,
    ...(config.modelType === 'llama' ? { mlp_bias: false } : {}),
    ...floatFields(config),
    ...kept,
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
    // Hugging Face's package moved the field; both places are read.
    rope_theta: config.ropeTheta,
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: 'default' },
  };
}
