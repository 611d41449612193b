/**
 * Hugging Face's `config.json` ⇄ ModelConfig.
 *
 * Fields fall into four kinds. *Understood* ones are checked, and refused if their value asks for something that this
 * project does not compute. *Housekeeping* of Hugging Face (labels, versions, generation defaults) and switches between
 * the authors' equivalent implementations do not change a model's results: they are kept and written back. *Unknown*
 * fields are kept and listed in `unknownFields`. An unknown field is refused if its name suggests architecture (heads,
 * norms, experts, …) and its value is not null or false, because ignoring it could mean computing a different model.
 */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';
import {
  defaultIntermediateSize,
  type MatMulFreeConfig,
  type ModelConfig,
  type RecurrentConfig,
  type RwkvConfig,
} from '../model/config.ts';
import { attentionFamilies, formatAttention } from './attentionConfig.ts';
import {
  beginningToken,
  endToken,
  flag,
  integer,
  only,
  parseFields,
  plusminusWeights,
  positive,
} from './configFields.ts';
import { packedScaleOf } from './quantizationConfig.ts';
import type { PackedScale } from './tensorSource.ts';

/** A parsed config.json: the configuration, and all fields. */
export interface StoredConfig {
  readonly config: ModelConfig;
  /** Every field of the file, to be written back. */
  readonly fields: Readonly<JsonObject>;
  /** Unknown fields, sorted. */
  readonly unknownFields: readonly string[];
  /** The meaning of packed matrices' scales in files beside this config. */
  readonly packedScale: PackedScale;
}

/** Fields of the authors' HGRNBitConfig, with its defaults, that RWKV has too. Size limits exclude only mistakes. */
const recurrentFields = v.object({
  vocab_size: integer(1, 2 ** 24),
  hidden_size: integer(1, 2 ** 17),
  num_hidden_layers: integer(1, 2048),
  hidden_ratio: v.nullish(positive(256), 4),
  intermediate_size: v.nullish(integer(1, 2 ** 20), null),
  hidden_act: v.optional(only('swish', 'silu'), 'swish'),
  rms_norm_eps: v.optional(positive(1), 1e-6),
  tie_word_embeddings: v.optional(only(false), false),
  bos_token_id: v.optional(beginningToken, 1),
  eos_token_id: v.optional(endToken, 2),
  initializer_range: v.optional(positive(100), 0.02),
  max_position_embeddings: v.optional(integer(1, 2 ** 31 - 1), 2048),
  plusminus_weights: plusminusWeights,
});

const matMulFreeFields = v.object({
  ...recurrentFields.entries,
  num_heads: v.optional(only(1), 1),
  expand_ratio: v.nullish(only(1), 1),
  use_lower_bound: v.optional(flag, true),
  use_short_conv: v.optional(only(false), false),
  plusminus_variant: v.optional(only('released', 'paper'), 'released'),
});

/** Choices between equivalent implementations, and details of the short convolution, which is refused. */
const equivalentChoices = ['attn_mode', 'conv_size', 'share_conv_kernel', 'fuse_cross_entropy', 'fuse_norm'];

/** Fields of any Hugging Face config that do not change the forward pass. */
const housekeeping = new Set([
  ...[
    'model_type',
    'architectures',
    'auto_map',
    '_name_or_path',
    '_attn_implementation',
    'attn_implementation',
  ],
  ...[
    'transformers_version',
    'mmfreelm_version',
    'torch_dtype',
    'dtype',
    'use_cache',
    'torchscript',
    'task_specific_params',
  ],
  ...['use_bfloat16', 'id2label', 'label2id', 'num_labels', 'problem_type', 'finetuning_task', 'prefix'],
  ...['return_dict', 'output_attentions', 'output_hidden_states', '_commit_hash', 'name_or_path'],
  ...['pad_token_id', 'sep_token_id', 'decoder_start_token_id', 'tokenizer_class', 'chunk_size_feed_forward'],
  ...[
    'max_length',
    'min_length',
    'do_sample',
    'early_stopping',
    'num_beams',
    'num_beam_groups',
    'temperature',
  ],
  ...[
    'top_k',
    'top_p',
    'typical_p',
    'diversity_penalty',
    'repetition_penalty',
    'length_penalty',
    'suppress_tokens',
  ],
  ...['no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'bad_words_ids', 'num_return_sequences'],
  ...['output_scores', 'return_dict_in_generate', 'forced_bos_token_id', 'forced_eos_token_id'],
  ...['remove_invalid_values', 'exponential_decay_length_penalty', 'begin_suppress_tokens', 'pruned_heads'],
  ...[
    'tie_encoder_decoder',
    'cross_attention_hidden_size',
    'is_decoder',
    'is_encoder_decoder',
    'add_cross_attention',
  ],
  ...['tf_legacy_loss', 'pretraining_tp', 'bos_token', 'eos_token', 'pad_token', 'unk_token'],
]);

const architectural =
  /head|layer|hidden|intermediate|embed|vocab|norm|eps|attn|attention|rope|rotary|position|conv|expert|moe|router|bias|scal|act|gate|expand|ratio|rank|state|ssm|residual|window|sparse|quant|bit|mlp|ffn|tie|lower_bound|logit|cap|multipl|clip|qk|alibi|_size$|_dim$/;

/**
 * @param where name of the source in errors, e.g. the path
 * @throws InputError naming the field, its value and what is supported
 */
export function parseConfig(fields: JsonObject, where: string): StoredConfig {
  const family = Object.hasOwn(families, String(fields.model_type)) && families[String(fields.model_type)];
  if (!family) {
    const known = Object.keys(families).map(show).join(', ');
    throw new InputError(`${where}: model_type: found ${show(fields.model_type)}, expected one of ${known}`);
  }
  const unknownFields = listUnknown(fields, family.knownFields, where);
  const config = family.parse(fields, where);
  return { config, fields, unknownFields, packedScale: packedScaleOf(fields) };
}

/** Reads the configs of one model type. */
interface Family {
  readonly knownFields: ReadonlySet<string>;
  parse(fields: JsonObject, where: string): ModelConfig;
}

const families: Readonly<Record<string, Family>> = {
  hgrn_bit: {
    knownFields: new Set([...Object.keys(matMulFreeFields.entries), ...equivalentChoices]),
    parse: (fields, where) => toMatMulFree(parseFields(matMulFreeFields, fields, where)),
  },
  rwkv_bit: {
    knownFields: new Set(Object.keys(recurrentFields.entries)),
    parse: (fields, where) => toRwkv(parseFields(recurrentFields, fields, where)),
  },
  ...attentionFamilies,
};

function toMatMulFree(fields: v.InferOutput<typeof matMulFreeFields>): MatMulFreeConfig {
  const { plusminus_variant: variant } = fields;
  const useLowerBound = fields.use_lower_bound && variant === 'released'; // the paper has none
  return { modelType: 'hgrn_bit', variant, useLowerBound, ...toRecurrent(fields) };
}

function toRwkv(fields: v.InferOutput<typeof recurrentFields>): RwkvConfig {
  return { modelType: 'rwkv_bit', ...toRecurrent(fields) };
}

function toRecurrent(fields: v.InferOutput<typeof recurrentFields>): RecurrentConfig {
  const { hidden_size, hidden_ratio } = fields;
  return {
    vocabSize: fields.vocab_size,
    hiddenSize: hidden_size,
    layers: fields.num_hidden_layers,
    intermediateSize: fields.intermediate_size ?? defaultIntermediateSize(hidden_size, hidden_ratio ?? 4),
    rmsNormEps: fields.rms_norm_eps,
    bosTokenId: fields.bos_token_id,
    eosTokenId: fields.eos_token_id,
    initializerRange: fields.initializer_range,
    maxPositionEmbeddings: fields.max_position_embeddings,
    ...(fields.plusminus_weights === undefined ? {} : { weights: fields.plusminus_weights }),
  };
}

function listUnknown(fields: JsonObject, known: ReadonlySet<string>, where: string): string[] {
  const unknown = Object.keys(fields).filter((name) => !known.has(name) && !housekeeping.has(name));
  for (const name of unknown) {
    const value = fields[name];
    if (value === null || value === false || !architectural.test(name)) continue;
    throw new InputError(
      `${where}: ${name}: found ${show(value)}, but this field is unknown and may change what the model computes; remove it if it does not`,
    );
  }
  return unknown.sort();
}

/**
 * The fields of a config.json that Hugging Face's and the authors' packages and this project read.
 * @param kept fields of an earlier file, written back where `config` says nothing about them
 */
export function formatConfig(config: ModelConfig, kept: Readonly<JsonObject> = {}): JsonObject {
  switch (config.modelType) {
    case 'hgrn_bit':
      return formatMatMulFree(config, kept);
    case 'rwkv_bit':
      return formatRwkv(config, kept);
    default:
      return formatAttention(config, kept);
  }
}

function formatMatMulFree(config: MatMulFreeConfig, kept: Readonly<JsonObject>): JsonObject {
  const { plusminus_variant: _, ...others } = kept;
  return {
    architectures: ['HGRNBitForCausalLM'],
    attn_mode: 'fused_recurrent',
    num_heads: 1,
    expand_ratio: 1,
    use_short_conv: false,
    conv_size: 4,
    share_conv_kernel: true,
    fuse_cross_entropy: true,
    ...formatRecurrent(config, others),
    use_lower_bound: config.useLowerBound,
    ...(config.variant === 'paper' ? { plusminus_variant: 'paper' } : {}),
  };
}

function formatRwkv(config: RwkvConfig, kept: Readonly<JsonObject>): JsonObject {
  return { architectures: ['RwkvBitForCausalLM'], ...formatRecurrent(config, kept) };
}

/** The fields from the shared part of a config, merged over those to be kept. */
function formatRecurrent(config: MatMulFreeConfig | RwkvConfig, kept: Readonly<JsonObject>): JsonObject {
  const { plusminus_weights: _, ...others } = kept;
  return {
    hidden_ratio: 4,
    hidden_act: 'swish',
    use_cache: true,
    tie_word_embeddings: false,
    ...others,
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    intermediate_size: config.intermediateSize,
    rms_norm_eps: config.rmsNormEps,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    initializer_range: config.initializerRange,
    max_position_embeddings: config.maxPositionEmbeddings,
    ...(config.weights === undefined ? {} : { plusminus_weights: config.weights }),
  };
}
