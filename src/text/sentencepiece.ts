/**
 * Converts SentencePiece models (`tokenizer.model`, used by Llama 2 and Mistral) to the content of a `tokenizer.json`.
 *
 * A SentencePiece BPE model has no merges, only a score for each piece: of two neighbours, those whose joined
 * piece has the highest score merge first. Each way to cut a piece into two pieces is therefore a merge, ranked
 * by the piece's score.
 */
import { InputError } from '../errors.ts';
import { type Field, readFields } from './protobuf.ts';
import type { Component, TokenizerConfig, TokenizerJson } from './tokenizerJson.ts';

/** SentencePiece's numbers for types of pieces and models. */
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const BPE_MODEL = 2;

const MAX_PIECES = 2 ** 20;
/** A piece has as many cuts as characters; real pieces are far shorter. */
const MAX_PIECE_CHARACTERS = 512;

export interface Piece {
  text: string;
  score: number;
  type: number;
}

interface SentencePieceModel {
  pieces: Piece[];
  modelType: number;
  byteFallback: boolean;
  suffixSpaces: boolean;
  normalization: string;
  prefixSpace: boolean;
  collapsesSpaces: boolean;
}

/**
 * Reads a SentencePiece BPE model.
 * @param source name of the file for errors
 * @throws {InputError} if the bytes are not such a model, or if it needs a feature that is not supported
 */
export function readSentencePiece(
  bytes: Uint8Array,
  source = 'tokenizer.model',
): { json: TokenizerJson; config: TokenizerConfig } {
  const model = readModel(bytes, source);
  checkSupported(model, source);
  const unknown = model.pieces.find((piece) => piece.type === UNKNOWN)!.text;
  const controls = model.pieces.filter((piece) => piece.type === CONTROL).map((piece) => piece.text);
  const bos = controls.find((text) => text === '<s>');
  const eos = controls.find((text) => text === '</s>');
  return {
    json: toTokenizerJson(model, unknown, bos),
    config: {
      tokenizer_class: 'LlamaTokenizer',
      bos_token: bos ?? null,
      eos_token: eos ?? null,
      unk_token: unknown,
    },
  };
}

function readModel(bytes: Uint8Array, source: string): SentencePieceModel {
  const model: SentencePieceModel = {
    pieces: [],
    modelType: 1, // Unigram, if the file does not say
    byteFallback: false,
    suffixSpaces: false,
    normalization: '',
    prefixSpace: true,
    collapsesSpaces: true,
  };
  for (const field of readFields(bytes, source)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 1) {
      if (model.pieces.length >= MAX_PIECES)
        throw new InputError(`${source}: pieces: found more than ${MAX_PIECES}`);
      model.pieces.push(readPiece(field.value, `${source}: pieces[${model.pieces.length}]`));
    }
    if (field.number === 2) readTrainer(model, field.value, `${source}: trainer_spec`);
    if (field.number === 3) readNormalizer(model, field.value, `${source}: normalizer_spec`);
  }
  return model;
}

function readPiece(bytes: Uint8Array, source: string): Piece {
  const piece: Piece = { text: '', score: 0, type: 1 };
  for (const field of readFields(bytes, source)) {
    if (field.number === 1) piece.text = textOf(field, source);
    if (field.number === 2) piece.score = floatOf(field, source);
    if (field.number === 3) piece.type = integerOf(field, source);
  }
  checkLength(piece.text, 1, source);
  return piece;
}

/** Cutting a piece takes time by the square of its length. */
function checkLength({ length }: string, min: number, source: string): void {
  if (length >= min && length <= MAX_PIECE_CHARACTERS) return;
  throw new InputError(`${source}: found ${length} characters, expected ${min} to ${MAX_PIECE_CHARACTERS}`);
}

function readTrainer(model: SentencePieceModel, bytes: Uint8Array, source: string): void {
  for (const field of readFields(bytes, source)) {
    if (field.number === 3) model.modelType = integerOf(field, source);
    if (field.number === 24) model.suffixSpaces = integerOf(field, source) !== 0;
    if (field.number === 35) model.byteFallback = integerOf(field, source) !== 0;
  }
}

function readNormalizer(model: SentencePieceModel, bytes: Uint8Array, source: string): void {
  for (const field of readFields(bytes, source)) {
    if (field.number === 1) model.normalization = textOf(field, source);
    if (field.number === 3) model.prefixSpace = integerOf(field, source) !== 0;
    if (field.number === 4) model.collapsesSpaces = integerOf(field, source) !== 0;
  }
}

function checkSupported(model: SentencePieceModel, source: string): void {
  const demand = (holds: boolean, field: string, found: unknown, expected: string) => {
    if (!holds)
      throw new InputError(`${source}: ${field}: found ${JSON.stringify(found)}, expected ${expected}`);
  };
  const { modelType, normalization } = model;
  demand(model.pieces.length > 0, 'pieces', 'none', 'at least one');
  demand(modelType === BPE_MODEL, 'trainer_spec.model_type', modelType, `${BPE_MODEL} (BPE)`);
  demand(model.byteFallback, 'trainer_spec.byte_fallback', false, 'true');
  demand(!model.suffixSpaces, 'trainer_spec.treat_whitespace_as_suffix', true, 'false');
  demand(['', 'identity'].includes(normalization), 'normalizer_spec.name', normalization, '"identity"');
  demand(!model.collapsesSpaces, 'normalizer_spec.remove_extra_whitespaces', true, 'false');
  demand(
    model.pieces.some((piece) => piece.type === UNKNOWN),
    'pieces',
    'none of type UNKNOWN',
    'one',
  );
  const texts = new Set(model.pieces.map((piece) => piece.text));
  demand(texts.size === model.pieces.length, 'pieces', 'the same text twice', 'different texts');
}

/**
 * The `tokenizer.json` of pieces whose spaces are kept as they are.
 * @param source what errors call the pieces
 * @throws {InputError} without a piece for unknown text, with two of the same text, or with a text that is too long
 */
export function tokenizerOfPieces(
  pieces: readonly Piece[],
  { prefixSpace, source }: { readonly prefixSpace: boolean; readonly source: string },
): TokenizerJson {
  for (const [id, { text }] of pieces.entries()) checkLength(text, 0, `${source}[${id}]`);
  const plain = { modelType: BPE_MODEL, byteFallback: true, suffixSpaces: false, normalization: '' };
  const model = { ...plain, pieces: [...pieces], prefixSpace, collapsesSpaces: false };
  checkSupported(model, source);
  return toTokenizerJson(model, pieces.find((piece) => piece.type === UNKNOWN)!.text, undefined);
}

function toTokenizerJson(model: SentencePieceModel, unknown: string, bos: string | undefined): TokenizerJson {
  const { pieces } = model;
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece.text, id]));
  const added = pieces.flatMap(({ text, type }, id) => {
    if (type !== UNKNOWN && type !== CONTROL && type !== USER_DEFINED) return [];
    const special = type !== USER_DEFINED;
    return [
      { id, content: text, single_word: false, lstrip: false, rstrip: false, normalized: false, special },
    ];
  });
  const space = { String: ' ' };
  const normalizers = [
    ...(model.prefixSpace ? [{ type: 'Prepend', prepend: '▁' }] : []),
    { type: 'Replace', pattern: space, content: '▁' },
  ];
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(model.prefixSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: 'Sequence', normalizers },
    pre_tokenizer: null,
    post_processor: surroundedBy(bos === undefined ? undefined : { content: bos, id: vocab[bos]! }),
    decoder: { type: 'Sequence', decoders },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: mergesOf(pieces),
    },
  };
}

/** Returns the post-processor that puts a token before each text and one after it, or null without either. */
export function surroundedBy(
  first: { content: string; id: number } | undefined,
  last?: { content: string; id: number },
): Component | null {
  if (!first && !last) return null;
  const special = (token: typeof first, type_id: number) =>
    token ? [{ SpecialToken: { id: token.content, type_id } }] : [];
  const part = (name: string, type_id: number) => [
    ...special(first, type_id),
    { Sequence: { id: name, type_id } },
    ...special(last, type_id),
  ];
  const known = [first, last].filter((token) => token !== undefined);
  return {
    type: 'TemplateProcessing',
    single: part('A', 0),
    pair: [...part('A', 0), ...part('B', 1)],
    special_tokens: Object.fromEntries(
      known.map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

/** Merges, best first: by score, then the longer left part, then the order of ids. */
function mergesOf(pieces: readonly Piece[]): [string, string][] {
  const idOf = new Map(pieces.map((piece, id) => [piece.text, id]));
  const merges: { left: string; right: string; score: number; leftLength: number }[] = [];
  for (const { text, score } of pieces) {
    const cuts = [];
    let left = '';
    let leftLength = 0;
    for (const character of text) {
      const right = text.slice(left.length);
      if (idOf.has(left) && idOf.has(right)) cuts.push({ left, right, score, leftLength });
      left += character;
      leftLength += 1;
    }
    cuts.sort((a, b) => idOf.get(a.left)! - idOf.get(b.left)! || idOf.get(a.right)! - idOf.get(b.right)!);
    merges.push(...cuts);
  }
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength);
  return merges.map(({ left, right }) => [left, right]);
}

function textOf(field: Field, source: string): string {
  if (field.wire !== 'bytes') throw new InputError(`${source}: field ${field.number}: expected a text`);
  try {
    return strictUtf8.decode(field.value);
  } catch {
    throw new InputError(`${source}: field ${field.number}: expected UTF-8 text`);
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function floatOf(field: Field, source: string): number {
  const view = field.wire === 'bytes' ? field.value : new Uint8Array();
  const value =
    view.length === 4 ? new DataView(view.buffer, view.byteOffset).getFloat32(0, true) : Number.NaN;
  if (!Number.isFinite(value))
    throw new InputError(`${source}: field ${field.number}: expected a finite float32`);
  return value;
}

function integerOf(field: Field, source: string): number {
  if (field.wire !== 'varint') throw new InputError(`${source}: field ${field.number}: expected an integer`);
  return Number(field.value);
}
