/**
 * The model for measuring llama.cpp: a Llama with our model's layers, widths and vocabulary, its matrices and head
 * ternary in llama.cpp's own 2-bit type, TQ2_0. Four projections of H × H and three of H × I a layer make it as large as
 * the MatMul-free model. Weights are random; speed does not depend on them.
 */
import {
  f32,
  type GgufTensor,
  numbers,
  tensorBytes,
  text,
  texts,
  u32,
  writeGguf,
} from '../src/checkpoint/gguf/writeGguf.ts';
import type { ModelConfig } from '../src/model/config.ts';
import { codeBlocks, halfFloats, randomBytes } from './randomTensors.ts';

/** The same configuration gives the same file. */
export async function writeLlamaModel(path: string, config: ModelConfig): Promise<void> {
  await writeGguf(path, metadata(config), llamaTensors(config));
}

/** Bytes of ternary matrices; a token reads all of them. */
export function ternaryBytes(config: ModelConfig): number {
  return llamaTensors(config)
    .filter(({ type }) => type === 'TQ2_0')
    .reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
}

function metadata(config: ModelConfig) {
  const { hiddenSize, intermediateSize, layers, vocabSize } = config;
  const headWidth = hiddenSize < 2048 ? 64 : 128;
  const heads = hiddenSize / headWidth;
  return {
    'general.architecture': text('llama'),
    'general.name': text('random ternary weights'),
    'general.file_type': u32(37), // mostly TQ2_0
    'llama.block_count': u32(layers),
    'llama.context_length': u32(config.maxPositionEmbeddings),
    'llama.embedding_length': u32(hiddenSize),
    'llama.feed_forward_length': u32(intermediateSize),
    'llama.attention.head_count': u32(heads),
    'llama.attention.head_count_kv': u32(heads),
    'llama.attention.layer_norm_rms_epsilon': f32(config.rmsNormEps),
    'llama.rope.dimension_count': u32(headWidth),
    'llama.vocab_size': u32(vocabSize),
    ...vocabulary(vocabSize),
  };
}

/** A SentencePiece vocabulary that llama.cpp accepts: three special tokens, every byte, then made-up words. */
function vocabulary(size: number) {
  const special = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const words = Array.from({ length: size - special.length - bytes.length }, (_, k) => `▁word${k}`);
  const [normal, unknown, control, byte] = [1, 2, 3, 6];
  const kinds = [unknown, control, control, ...bytes.map(() => byte), ...words.map(() => normal)];
  return {
    'tokenizer.ggml.model': text('llama'),
    'tokenizer.ggml.tokens': texts([...special, ...bytes, ...words]),
    'tokenizer.ggml.scores': numbers(new Float32Array(size)),
    'tokenizer.ggml.token_type': numbers(Int32Array.from(kinds)),
    'tokenizer.ggml.unknown_token_id': u32(0),
    'tokenizer.ggml.bos_token_id': u32(1),
    'tokenizer.ggml.eos_token_id': u32(2),
  };
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0');

function llamaTensors({ hiddenSize, intermediateSize, layers, vocabSize }: ModelConfig): GgufTensor[] {
  const random = randomBytes();
  const matrix = (name: string, columns: number, rows: number): GgufTensor => ({
    name: `${name}.weight`,
    type: 'TQ2_0',
    dimensions: [columns, rows],
    chunks: () => codeBlocks('TQ2_0', columns, rows, random),
  });
  const norm = (name: string): GgufTensor => ({
    name: `${name}.weight`,
    type: 'F32',
    dimensions: [hiddenSize],
    chunks: () => [new Uint8Array(new Float32Array(hiddenSize).fill(1).buffer)],
  });
  const layer = (k: number) => [
    norm(`blk.${k}.attn_norm`),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
      matrix(`blk.${k}.${name}`, hiddenSize, hiddenSize),
    ),
    norm(`blk.${k}.ffn_norm`),
    matrix(`blk.${k}.ffn_gate`, hiddenSize, intermediateSize),
    matrix(`blk.${k}.ffn_up`, hiddenSize, intermediateSize),
    matrix(`blk.${k}.ffn_down`, intermediateSize, hiddenSize),
  ];
  const embedding: GgufTensor = {
    name: 'token_embd.weight',
    type: 'F16',
    dimensions: [hiddenSize, vocabSize],
    chunks: () => halfFloats(hiddenSize, vocabSize, random),
  };
  return [
    embedding,
    ...Array.from({ length: layers }, (_, k) => layer(k)).flat(),
    norm('output_norm'),
    matrix('output', hiddenSize, vocabSize),
  ];
}
