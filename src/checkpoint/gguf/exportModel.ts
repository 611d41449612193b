/** A model's configuration as metadata of a GGUF file; the inverse of architecture.ts. */
import { InputError } from '../../errors.ts';
import { attends, type DecoderConfig, type ModelConfig } from '../../model/config.ts';
import { f32, type GgufValue, text, u32 } from './writeGguf.ts';

/**
 * The name of the architecture in GGUF. A BitNet with a SiLU is llama.cpp's `bitnet`; one with a squared ReLU only
 * bitnet.cpp computes.
 */
export function ggufArchitecture({ modelType, activation }: DecoderConfig): string {
  if (modelType !== 'bitnet') return modelType;
  return activation === 'silu' ? 'bitnet' : 'bitnet-b1.58';
}

/** @throws InputError for a model that GGUF has no architecture for */
export function expectExportable(config: ModelConfig, where: string): DecoderConfig {
  if (!attends(config)) {
    throw new InputError(
      `${where}: found a model of type ${config.modelType}, which GGUF has no architecture for; expected llama, qwen3 or bitnet`,
    );
  }
  if (config.scores === 'ternary')
    throw new InputError(`${where}: found ternary scores of attention, which no reader of GGUF computes`);
  if (config.modelType === 'bitnet' && config.projections.kind === 'float')
    throw new InputError(`${where}: found a BitNet with float weights, which no reader of GGUF computes`);
  if (config.projections.kind === 'ternary' && config.projections.normEpsilon !== null)
    throw new InputError(`${where}: found norms before projections, which GGUF has no place for`);
  if (!['default', 'linear', 'yarn'].includes(config.rope.type)) {
    throw new InputError(
      `${where}: found positions of type ${config.rope.type}, expected default, linear or yarn: others are not written`,
    );
  }
  if (ggufArchitecture(config) === 'bitnet' && !config.tieWordEmbeddings) {
    throw new InputError(
      `${where}: found a BitNet with a SiLU and a head of its own, but llama.cpp's BitNet has the embedding as its head; ` +
        'expected tie_word_embeddings true',
    );
  }
  return config;
}

export function modelMetadata(config: DecoderConfig, name: string): Readonly<Record<string, GgufValue>> {
  const architecture = ggufArchitecture(config);
  const own = {
    context_length: u32(config.maxPositionEmbeddings),
    embedding_length: u32(config.hiddenSize),
    block_count: u32(config.layers),
    feed_forward_length: u32(config.intermediateSize),
    vocab_size: u32(config.vocabSize),
    'attention.head_count': u32(config.heads),
    'attention.head_count_kv': u32(config.keyHeads),
    'attention.key_length': u32(config.headSize),
    'attention.value_length': u32(config.headSize),
    'attention.layer_norm_rms_epsilon': f32(config.rmsNormEps),
    'rope.dimension_count': u32(config.headSize),
    'rope.freq_base': f32(config.rope.theta),
    ...stretch(config),
  };
  const entries = Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value] as const);
  return {
    'general.architecture': text(architecture),
    'general.name': text(name),
    ...Object.fromEntries(entries),
  };
}

function stretch({ rope }: DecoderConfig): Readonly<Record<string, GgufValue>> {
  if (rope.type !== 'linear' && rope.type !== 'yarn') return {};
  return {
    'rope.scaling.type': text(rope.type),
    'rope.scaling.factor': f32(rope.factor),
    ...(rope.type === 'yarn' ? { 'rope.scaling.original_context_length': u32(rope.originalLength) } : {}),
  };
}
