/**
 * GGUF files of the sizes of models that people have, with random weights: ours and llama.cpp read the same file.
 * Speed does not depend on the weights.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  f32,
  type GgufTensor,
  type GgufValue,
  numbers,
  tensorBytes,
  text,
  texts,
  u32,
  writeGguf,
} from '../src/checkpoint/gguf/writeGguf.ts';
import { InputError } from '../src/errors.ts';
import { type CodeType, codeBlocks, halfFloats, randomBytes } from './randomTensors.ts';

interface ModelShape {
  readonly architecture: 'qwen3' | 'llama';
  /** Of all matrices of the layers. */
  readonly type: CodeType;
  /** Of the embedding, which is the head too. */
  readonly table: CodeType | 'F16';
  readonly hidden: number;
  readonly layers: number;
  readonly intermediate: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly vocabulary: number;
}

const bonsai: Omit<ModelShape, 'type' | 'table'> = {
  ...{ architecture: 'qwen3', hidden: 2048, layers: 28, intermediate: 6144, heads: 16, keyHeads: 8 },
  ...{ headSize: 128, vocabulary: 151_936 },
};

/**
 * Sizes as the models' configurations have them. llama.cpp has no I2_S and no BitNet with sub-norms, so that the last
 * two are Llamas of these sizes in its own ternary type.
 */
const modelShapes = {
  'Ternary-Bonsai-1.7B Q2_0': { ...bonsai, type: 'Q2_0', table: 'Q2_0' },
  'Ternary-Bonsai-1.7B TQ2_0': { ...bonsai, type: 'TQ2_0', table: 'TQ2_0' },
  'Bonsai-1.7B Q1_0': { ...bonsai, type: 'Q1_0', table: 'Q1_0' },
  'Falcon-E-3B TQ2_0': {
    ...{ architecture: 'llama', type: 'TQ2_0', table: 'F16', hidden: 2048, layers: 32, intermediate: 13_312 },
    ...{ heads: 16, keyHeads: 2, headSize: 128, vocabulary: 32_768 },
  },
  '2B4T TQ2_0': {
    ...{ architecture: 'llama', type: 'TQ2_0', table: 'F16', hidden: 2560, layers: 30, intermediate: 6912 },
    ...{ heads: 20, keyHeads: 5, headSize: 128, vocabulary: 128_256 },
  },
} as const satisfies Readonly<Record<string, ModelShape>>;

export type ModelName = keyof typeof modelShapes;

/** The value of `--models`: names separated by commas; without a value, all. */
export function modelNames(models: string | true): ModelName[] {
  const all = Object.keys(modelShapes) as ModelName[];
  if (models === true) return all;
  return models.split(',').map((name) => {
    const found = all.find((one) => one === name);
    if (found) return found;
    throw new InputError(`--models: found ${name}, expected some of ${all.join(', ')}`);
  });
}

/** Runs the same code as the others, in no time. */
const smallShape: ModelShape = {
  ...{ architecture: 'qwen3', type: 'Q2_0', table: 'Q2_0', hidden: 256, layers: 2, intermediate: 256 },
  ...{ heads: 2, keyHeads: 1, headSize: 128, vocabulary: 1024 },
};

/** The file of a model, made in `folder` when it is first asked for, and the bytes of it that a token reads. */
export function modelFile(name: ModelName, folder: string) {
  return fileOf(name, modelShapes[name], folder);
}

export function smallModelFile(folder: string) {
  return fileOf('small', smallShape, folder);
}

async function fileOf(name: string, shape: ModelShape, folder: string) {
  const path = join(folder, `${name.replaceAll(' ', '-')}.gguf`);
  const tensors = tensorsOf(shape);
  if (!existsSync(path)) {
    console.error(`making ${path} with random weights`);
    await mkdir(folder, { recursive: true });
    await writeGguf(path, metadataOf(shape), tensors);
  }
  return { path, bytesPerToken: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0) };
}

function metadataOf(shape: ModelShape): Record<string, GgufValue> {
  const { architecture, hidden, layers, intermediate, heads, keyHeads, headSize, vocabulary } = shape;
  const sizes = {
    block_count: layers,
    context_length: 4096,
    embedding_length: hidden,
    feed_forward_length: intermediate,
    'attention.head_count': heads,
    'attention.head_count_kv': keyHeads,
    'attention.key_length': headSize,
    'attention.value_length': headSize,
    'rope.dimension_count': headSize,
    vocab_size: vocabulary,
  };
  return {
    'general.architecture': text(architecture),
    'general.name': text('random weights'),
    ...Object.fromEntries(
      Object.entries(sizes).map(([key, value]) => [`${architecture}.${key}`, u32(value)]),
    ),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: f32(1e-6),
    [`${architecture}.rope.freq_base`]: f32(1e6),
    ...vocabularyOf(vocabulary),
  };
}

/** A SentencePiece vocabulary that llama.cpp accepts: three special tokens, every byte, then made-up words. */
function vocabularyOf(size: number): Record<string, GgufValue> {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const known = ['<unk>', '<s>', '</s>', ...bytes];
  const words = Array.from({ length: size - known.length }, (_, k) => `▁word${k}`);
  const [normal, unknown, control, byte] = [1, 2, 3, 6];
  const kinds = [unknown, control, control, ...bytes.map(() => byte), ...words.map(() => normal)];
  return {
    'tokenizer.ggml.model': text('llama'),
    'tokenizer.ggml.tokens': texts([...known, ...words]),
    'tokenizer.ggml.scores': numbers(new Float32Array(size)),
    'tokenizer.ggml.token_type': numbers(Int32Array.from(kinds)),
    'tokenizer.ggml.unknown_token_id': u32(0),
    'tokenizer.ggml.bos_token_id': u32(1),
    'tokenizer.ggml.eos_token_id': u32(2),
  };
}

function tensorsOf(shape: ModelShape): GgufTensor[] {
  const { architecture, type, table, hidden, layers, intermediate, heads, keyHeads, headSize } = shape;
  const random = randomBytes();
  const matrix = (
    name: string,
    columns: number,
    rows: number,
    stored: ModelShape['table'] = type,
  ): GgufTensor => ({
    name: `${name}.weight`,
    type: stored,
    dimensions: [columns, rows],
    chunks: () =>
      stored === 'F16' ? halfFloats(columns, rows, random) : codeBlocks(stored, columns, rows, random),
  });
  const norm = (name: string, width: number): GgufTensor => ({
    name: `${name}.weight`,
    type: 'F32',
    dimensions: [width],
    chunks: () => [new Uint8Array(new Float32Array(width).fill(1).buffer)],
  });
  const layer = (k: number) => [
    norm(`blk.${k}.attn_norm`, hidden),
    matrix(`blk.${k}.attn_q`, hidden, heads * headSize),
    matrix(`blk.${k}.attn_k`, hidden, keyHeads * headSize),
    matrix(`blk.${k}.attn_v`, hidden, keyHeads * headSize),
    ...(architecture === 'qwen3' ? ['q', 'k'].map((one) => norm(`blk.${k}.attn_${one}_norm`, headSize)) : []),
    matrix(`blk.${k}.attn_output`, heads * headSize, hidden),
    norm(`blk.${k}.ffn_norm`, hidden),
    matrix(`blk.${k}.ffn_gate`, hidden, intermediate),
    matrix(`blk.${k}.ffn_up`, hidden, intermediate),
    matrix(`blk.${k}.ffn_down`, intermediate, hidden),
  ];
  return [
    matrix('token_embd', hidden, shape.vocabulary, table),
    ...Array.from({ length: layers }, (_, k) => layer(k)).flat(),
    norm('output_norm', hidden),
  ];
}
