/**
 * What the metadata of a GGUF file says of its model, as fields of a Hugging Face `config.json`. Every key that belongs
 * to the architecture is either understood, known to change nothing, or a reason to refuse: a model that is understood
 * by half writes garbage.
 */
import { bytesOf } from '../../engine/engine.ts';
import { InputError } from '../../errors.ts';
import { type JsonObject, show } from '../../json.ts';
import type { GgufFile } from './ggufFile.ts';
import type { Metadata } from './metadata.ts';
import { frequencyFactors } from './tensorNames.ts';
import { endTokens } from './tokenizer.ts';

interface Family {
  readonly modelType: 'llama' | 'qwen3' | 'bitnet';
  readonly activation: 'silu' | 'relu2';
  /** Whether the rows of q and k are ordered such that neighbours rotate together. */
  readonly turnsRows: boolean;
}

/** Architectures by their names in GGUF. llama.cpp's `bitnet` has a SiLU, bitnet.cpp's two a squared ReLU. */
const families: Readonly<Record<string, Family>> = {
  llama: { modelType: 'llama', activation: 'silu', turnsRows: true },
  qwen3: { modelType: 'qwen3', activation: 'silu', turnsRows: false },
  bitnet: { modelType: 'bitnet', activation: 'silu', turnsRows: false },
  'bitnet-25': { modelType: 'bitnet', activation: 'relu2', turnsRows: false },
  'bitnet-b1.58': { modelType: 'bitnet', activation: 'relu2', turnsRows: false },
};

/** @throws InputError for an architecture that is not supported */
export function familyOf(metadata: Metadata): Family {
  const name = metadata.text('general.architecture');
  if (Object.hasOwn(families, name)) return families[name]!;
  throw metadata.error('general.architecture', `one of ${Object.keys(families).map(show).join(', ')}`);
}

/** Keys that are read here, without the architecture's name before them. */
const understood = new Set([
  ...['context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'vocab_size'],
  ...['attention.head_count', 'attention.head_count_kv', 'attention.key_length', 'attention.value_length'],
  ...['attention.layer_norm_rms_epsilon', 'rope.freq_base', 'rope.dimension_count'],
  ...[
    'rope.scaling.type',
    'rope.scaling.factor',
    'rope.scaling.original_context_length',
    'rope.scaling.finetuned',
  ],
  ...['rope.scale_linear', 'tensor_data_layout'],
]);

/** Prefixes of keys that leave the mathematics alone. */
const harmless = /^(general|tokenizer|split|quantize|imatrix|llama_cpp|\w+_hash)\./;

/**
 * @returns the fields of `config.json`
 * @throws InputError naming a key that is missing, contradictory, or unknown and not zero
 */
export async function configOf(file: GgufFile): Promise<JsonObject> {
  const { metadata, tensors, path } = file;
  const { modelType, activation } = familyOf(metadata);
  const prefix = metadata.text('general.architecture');
  refuseUnknownKeys(metadata, prefix, path);
  const integer = (key: string, absent?: number) =>
    metadata.integer(`${prefix}.${key}`, absent === undefined ? {} : { absent });
  const hidden = integer('embedding_length');
  const heads = integer('attention.head_count');
  const headSize = integer('attention.key_length', heads > 0 ? hidden / heads : 0);
  expectHead(metadata, prefix, headSize);
  return {
    model_type: modelType,
    vocab_size: vocabularySize(file),
    hidden_size: hidden,
    num_hidden_layers: integer('block_count'),
    intermediate_size: integer('feed_forward_length'),
    num_attention_heads: heads,
    num_key_value_heads: integer('attention.head_count_kv', heads),
    head_dim: headSize,
    hidden_act: activation,
    max_position_embeddings: integer('context_length'),
    rms_norm_eps: shortest(metadata.number(`${prefix}.attention.layer_norm_rms_epsilon`)),
    tie_word_embeddings: !tensors.has('output.weight'),
    bos_token_id: beginningToken(metadata),
    eos_token_id: listOf(endTokens(metadata)),
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    ...(modelType === 'llama' ? { mlp_bias: tensors.has('blk.0.ffn_up.bias') } : {}),
    ...(await rotary(file, prefix, headSize)),
    ...ternary(file, modelType),
  };
}

function refuseUnknownKeys(metadata: Metadata, prefix: string, path: string): void {
  for (const key of metadata.keys()) {
    if (harmless.test(key) || metadata.isUnset(key)) continue;
    if (key.startsWith(`${prefix}.`) && understood.has(key.slice(prefix.length + 1))) continue;
    throw new InputError(
      `${path}: metadata ${show(key)}: this key is unknown and may change what the model computes; expected a file ` +
        'of a model that is supported',
    );
  }
}

function expectHead(metadata: Metadata, prefix: string, headSize: number): void {
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const name = `${prefix}.${key}`;
    if (metadata.integer(name, { absent: headSize }) !== headSize)
      throw metadata.error(name, `${headSize}, the size of a head`);
  }
}

function vocabularySize({ tensors, path }: GgufFile): number {
  const table = tensors.get('token_embd.weight');
  if (table?.shape.length === 2) return table.shape[0]!;
  throw new InputError(`${path}: expected a tensor "token_embd.weight" of two dimensions`);
}

function beginningToken(metadata: Metadata): number | null {
  const key = 'tokenizer.ggml.bos_token_id';
  return metadata.has(key) ? metadata.integer(key) : null;
}

function listOf(ids: readonly number[]): number | readonly number[] | null {
  return ids.length > 1 ? ids : (ids[0] ?? null);
}

/** The shortest decimal that is this f32: 1e-5 rather than 0.000009999999747378752. */
function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

/** Positions: plain, stretched, or with a factor for each frequency, as Llama 3's are written. */
async function rotary(file: GgufFile, prefix: string, headSize: number): Promise<JsonObject> {
  const { metadata } = file;
  const theta = shortest(metadata.number(`${prefix}.rope.freq_base`, { absent: 10_000 }));
  const scaling = { ...(await factorsOf(file, headSize)), ...stretchOf(metadata, prefix) };
  return Object.keys(scaling).length === 0
    ? { rope_theta: theta }
    : { rope_theta: theta, rope_scaling: scaling };
}

async function factorsOf(file: GgufFile, headSize: number): Promise<JsonObject> {
  const tensor = file.tensors.get(frequencyFactors);
  if (!tensor) return {};
  const count = headSize / 2;
  if (tensor.type.name !== 'F32' || tensor.shape.join() !== `${count}`) {
    throw new InputError(
      `${file.path}: tensor "${frequencyFactors}": found ${tensor.type.name} of shape ${show(tensor.shape)}, ` +
        `expected F32 of shape [${count}], half of a head`,
    );
  }
  const factors = new Float32Array(count);
  await file.readInto(frequencyFactors, bytesOf(factors), 0);
  const list = [...factors];
  // Hugging Face's name for a list of factors; one list serves texts of every length.
  return { rope_type: 'longrope', factor: 1, attention_factor: 1, short_factor: list, long_factor: list };
}

function stretchOf(metadata: Metadata, prefix: string): JsonObject {
  const key = `${prefix}.rope.scaling`;
  const type = metadata.text(`${key}.type`, { absent: 'none' });
  const older = metadata.number(`${prefix}.rope.scale_linear`, { absent: 1 });
  const factor = metadata.number(`${key}.factor`, { absent: older });
  if (type === 'none' || factor === 1 || factor === 0) return {};
  if (type === 'linear') return { rope_type: 'linear', factor };
  if (type !== 'yarn') throw metadata.error(`${key}.type`, '"none", "linear" or "yarn"');
  const original = metadata.integer(`${key}.original_context_length`);
  return { rope_type: 'yarn', factor, original_max_position_embeddings: original };
}

/** I2_S holds the codes of layers that round their inputs to int8; its scale multiplies. */
function ternary({ tensors }: GgufFile, modelType: Family['modelType']): JsonObject {
  const isI2 = [...tensors.values()].some(({ type }) => type.name === 'I2_S');
  if (!isI2 && modelType !== 'bitnet') return {};
  return {
    quantization_config: {
      quant_method: 'bitnet',
      linear_class: 'autobitlinear',
      quantization_mode: isI2 ? 'offline' : 'online',
    },
  };
}
