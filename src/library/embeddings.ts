/** Embeddings: a text as one vector, from the hidden states of its tokens or from the recurrent state after it. */
import { InputError } from '../errors.ts';
import { refuseUnknown } from '../generate/samplingOptions.ts';
import { expectSignal } from '../given.ts';
import { attends, type ModelConfig } from '../model/config.ts';
import type { Embedder } from '../run/embedder.ts';
import type { SequenceReader } from '../run/sequenceReader.ts';

type Pooling = 'mean' | 'last' | 'state';

/** How texts become vectors. */
export interface EmbedOptions {
  /**
   * The recurrent `state` after the text (the default of MatMul-free models), `mean` of the hidden states of all tokens
   * (the default of the others), or the hidden state of the `last` token. Models that attend have no `state`.
   */
  pooling?: Pooling | undefined;
  /** The block whose output or state counts, from 1 on; 0 is the embedding. Default: the last. */
  layer?: number | undefined;
  /** Keep as many of the first dimensions. Default: all. */
  dimensions?: number | undefined;
  /** Scale vectors to length 1, so that their dot product is their similarity. Default true. */
  normalise?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** What embedding needs of a model. */
export interface EmbeddedModel {
  readonly embedder: Embedder;
  readonly reader: SequenceReader;
  readonly config: ModelConfig;
}

/** @throws InputError naming the option or the text that is wrong; the signal's reason */
export async function embed(
  model: EmbeddedModel,
  texts: readonly (readonly number[])[],
  options: EmbedOptions = {},
): Promise<Float32Array[]> {
  refuseUnknown(options, ['pooling', 'layer', 'dimensions', 'normalise', 'signal']);
  const { config } = model;
  const { pooling = defaultPooling(config), layer = config.layers } = options;
  const { dimensions, normalise = true, signal } = options;
  check(config, pooling, layer);
  expectSignal(signal);
  const vectors: Float32Array[] = [];
  if (pooling === 'state') {
    model.embedder.check(texts);
    for (const tokens of texts) vectors.push(await stateAfter(model, tokens, layer, signal));
  } else {
    const pool = pooling === 'mean' ? meanOf : lastOf;
    const use = (states: Float32Array, text: number) => {
      vectors[text] = pool(states, texts[text]!.length);
    };
    await model.embedder.hidden(texts, layer, use, signal);
  }
  return vectors.map((vector) => finished(vector, dimensions, normalise));
}

/** The state of an MLGRU finds passages best (results/embeddings.md); that of RWKV mixes sums and maxima. */
function defaultPooling({ modelType }: ModelConfig): Pooling {
  return modelType === 'hgrn_bit' ? 'state' : 'mean';
}

function check(config: ModelConfig, pooling: string, layer: number): void {
  const { layers } = config;
  if (!['mean', 'last', 'state'].includes(pooling))
    throw new InputError(`pooling: found ${JSON.stringify(pooling)}, expected mean, last or state`);
  if (pooling === 'state' && attends(config))
    throw new InputError(
      'pooling: found state, expected mean or last: a model that attends has no recurrent state',
    );
  const first = pooling === 'state' ? 1 : 0;
  if (!Number.isInteger(layer) || layer < first || layer > layers)
    throw new InputError(`layer: found ${layer}, expected an integer from ${first} to ${layers}`);
}

/** The states of all layers have one size. */
async function stateAfter(
  { reader, config: { layers } }: EmbeddedModel,
  tokens: readonly number[],
  layer: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const state = reader.newState();
  await reader.run(tokens, state, 'none', signal);
  const width = state.length / layers;
  return state.slice((layer - 1) * width, layer * width);
}

function meanOf(states: Float32Array, tokens: number): Float32Array {
  const width = states.length / tokens;
  const sums = new Float64Array(width);
  for (let at = 0; at < states.length; at++) sums[at % width]! += states[at]!;
  return Float32Array.from(sums, (sum) => sum / tokens);
}

function lastOf(states: Float32Array, tokens: number): Float32Array {
  return states.slice((states.length / tokens) * (tokens - 1));
}

function finished(vector: Float32Array, dimensions = vector.length, normalise: boolean): Float32Array {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > vector.length)
    throw new InputError(`dimensions: found ${dimensions}, expected an integer from 1 to ${vector.length}`);
  const kept = vector.slice(0, dimensions);
  if (!normalise) return kept;
  const length = Math.sqrt(kept.reduce((sum, x) => sum + x * x, 0));
  return length > 0 ? kept.map((x) => x / length) : kept;
}
