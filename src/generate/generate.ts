/** Generates text from a model, token by token. */
import { InputError } from '../errors.ts';
import { expectFunctions, expectSignal } from '../given.ts';
import type { Draw } from '../run/drawing.ts';
import type { NextTokens } from '../run/sequenceReader.ts';
import { checkContext } from '../run/tokenState.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import type { AnswerForm, ResponseFormat } from './constraint/answerForm.ts';
import { Sampler } from './draw/sampler.ts';
import { uniformOf } from './sampling.ts';
import { checkSampling, refuseUnknown, SAMPLING_OPTIONS, type SamplingOptions } from './samplingOptions.ts';
import { StopStrings } from './stopStrings.ts';

/** A model that keeps the state of the tokens it has read. */
export interface SequenceModel {
  /** Max tokens of a sequence; undefined: no limit. A text that reaches it ends with the reason "length". */
  readonly contextLength?: number | undefined;
  /**
   * Reads tokens and returns the logits after the last, [vocabulary]; the array may be reused by the next call.
   * @param signal a slow model may reject once this is aborted
   */
  append(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array>;
  /**
   * Reads tokens as `append` does and returns the next one, drawn in the model itself. Absent, or resolves to undefined
   * without having read anything, if the model cannot do so now; then use `append`.
   * @param how called once if the model draws
   * @throws NumericalError for logits that are not finite
   */
  draw?(tokens: readonly number[], how: () => Draw, signal?: AbortSignal): Promise<number | undefined>;
  /**
   * Samples a continuation of the tokens in the model itself: yields batches of ids without end. Absent, or returns
   * undefined, if the model cannot do so now; then use `append`.
   * @param random in [0, 1), called once per token
   * @param limit if given, called before each token is sampled; batches then have one id
   */
  sampled?(
    tokens: readonly number[],
    sampling: Required<SamplingOptions>,
    random: () => number,
    signal?: AbortSignal,
    limit?: () => NextTokens,
  ): AsyncGenerator<Int32Array, never> | undefined;
}

/** The part of a tokenizer that generation uses; `TextTokenizer` implements it. */
export interface GenerationTokenizer {
  encode(text: string, options?: { allowSpecial?: boolean }): number[];
  stream(): { push(id: number): string };
  /** The id of a token given by its name. */
  tokenId(token: string): number | undefined;
  isSpecial(id: number): boolean;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  /** Tokens that end a text; by default the eos token. */
  readonly endTokenIds?: readonly number[];
}

/** Why a text ended: at a stop text or the end of its form, at `maxTokens`, at an end-of-sequence token, or by the signal. */
export type FinishReason = 'stop' | 'length' | 'eos' | 'abort';

/** What `onFinish` receives once a text has ended. */
export interface Finish {
  reason: FinishReason;
  /** Number of sampled tokens, without the eos token. */
  tokens: number;
  promptTokens: number;
  /** Tokens of the answer that the model has not read. Append them first to continue the conversation. */
  unread: readonly number[];
}

/** Options of generating a text: sampling, its length, its ends, its form, and what is called on the way. */
export interface GenerateOptions extends SamplingOptions {
  /** Integer ≥ 0, default 256. */
  maxTokens?: number;
  /** An integer from 0 to 2^53 − 1: the same seed gives the same text. Without it each call differs. */
  seed?: number;
  /** Strings that end the generation and are not part of it. The name of a special token stops at that token. */
  stop?: string | readonly string[];
  /** End at the model's end tokens. Default true. */
  stopAtEos?: boolean;
  /**
   * The form that the text must have: JSON, with a schema if need be, a regular expression, a grammar or one of several
   * texts. The text ends with the reason `stop` when it is complete; one that `maxTokens` cuts off ends with `length`.
   */
  responseFormat?: ResponseFormat | undefined;
  /**
   * Called before each token is sampled, with a copy of the logits [vocabulary] that it may change, and the tokens so far,
   * prompt and text: a logit of −Infinity excludes its token. Sampling options and `responseFormat` apply afterwards.
   */
  processLogits?: (logits: Float32Array, tokens: readonly number[]) => void;
  /** Special tokens that the prompt spells, such as `</s>`, become these tokens. Default false: text is text. */
  allowSpecial?: boolean;
  /** Ends the generation, without an error: the reason is then 'abort'. Checked between tokens. */
  signal?: AbortSignal;
  /** Called with the id of each sampled token as soon as it is drawn, the eos token too. */
  onToken?: (id: number) => void;
  /** Called once, before the generator returns; not if an error is thrown or the caller leaves the loop. */
  onFinish?: (finish: Finish) => void;
}

/**
 * Yields text as it is generated. Pieces are not empty, their concatenation is the whole text, and none ends inside a
 * character. A character that the last token leaves incomplete is not yielded.
 * @param prompt text, or token ids, which are used as they are
 * @throws {InputError} at the first step, if an option is unknown or out of range or the prompt is empty and the
 *   tokenizer has no bos token to begin with
 */
export async function* generate(
  model: SequenceModel,
  tokenizer: GenerationTokenizer,
  prompt: string | readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<string> {
  const checked = checkOptions(options, tokenizer);
  const { sampling, random, stopTokens, signal, processLogits, onToken, onFinish } = checked;
  const promptIds = checkPrompt(prompt, tokenizer, options.allowSpecial ?? false);
  const sampler = await Sampler.load();
  const maxTokens = tokensThatFit(checked.maxTokens, promptIds.length, model.contextLength);
  const history = [...promptIds];
  const text = streamAfter(promptIds, tokenizer);
  const output = new StopStrings(checked.stops);
  const form = await formOf(options.responseFormat, tokenizer, stopTokens);
  /** Tokens that the model has not read yet. */
  let next = promptIds;
  let unread: readonly number[] = [];
  let [tokens, isDrawn] = [0, false];
  function* end(reason: FinishReason): Generator<string> {
    yield* nonEmpty(output.end());
    onFinish?.({ reason, tokens, promptTokens: promptIds.length, unread });
  }

  const fromModel = () =>
    nextToken({ model, sampler, form, history, sampling, random, processLogits, signal }, next, () => {
      next = unread = [];
    });
  // Tokens since the last one that was drawn are forced.
  const limit = form && (() => ({ forced: unread.slice(isDrawn ? 1 : 0), allowed: form.allowed() }));
  const batches =
    maxTokens > 0 && !processLogits
      ? model.sampled?.(promptIds, sampling, () => uniformOf(random), signal, limit)
      : undefined;
  const drawn: number[] = [];
  const fromDevice = async () => {
    if (drawn.length === 0)
      drawn.push(...((await unlessAborted(() => batches!.next(), signal))?.value ?? []));
    unread = [];
    isDrawn = true;
    return signal?.aborted ? undefined : drawn.shift();
  };

  try {
    for (; tokens < maxTokens; tokens++) {
      const forced = form?.forced();
      const id = forced ?? (await (batches ? fromDevice : fromModel)());
      if (id === undefined || signal?.aborted) return yield* end('abort');
      history.push(id);
      onToken?.(id);
      unread = [...unread, id];
      if (!batches) next = [...next, id];
      const reason = stopTokens.get(id);
      if (reason === 'eos') return yield* end(reason);
      yield* nonEmpty(reason === undefined ? output.push(text.push(id)) : '');
      form?.accept(id, reason !== undefined);
      if (reason === 'stop' || output.stopped || form?.isEnded) {
        tokens += 1;
        return yield* end('stop');
      }
    }
    yield* end('length');
  } finally {
    await batches?.return(undefined as never);
  }
}

/** A stream of text that has the prompt already, which it needs before the first piece. */
function streamAfter(promptIds: readonly number[], tokenizer: GenerationTokenizer) {
  const text = tokenizer.stream();
  for (const id of promptIds) text.push(id);
  return text;
}

/** Grammars are loaded for the first answer that has a form: most have none, and a page need not fetch them. */
async function formOf(
  format: ResponseFormat | undefined,
  ...rest: readonly [tokenizer: GenerationTokenizer, stopTokens: ReadonlyMap<number, unknown>]
): Promise<AnswerForm | undefined> {
  if (format === undefined) return undefined;
  const { answerForm } = await import('./constraint/answerForm.ts');
  return answerForm(format, ...rest);
}

/** What the next token of a text depends on, beside the tokens that the model has read. */
interface NextToken {
  readonly model: SequenceModel;
  readonly sampler: Sampler;
  readonly form: AnswerForm | undefined;
  readonly history: readonly number[];
  readonly sampling: Required<SamplingOptions>;
  readonly random: SeededRandom;
  readonly processLogits: GenerateOptions['processLogits'];
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads tokens and returns the next one: drawn in the model if it can, else from its logits. Undefined: aborted.
 * @param onRead called once the model has read the tokens
 */
async function nextToken(
  { model, sampler, form, history, sampling, random, processLogits, signal }: NextToken,
  tokens: readonly number[],
  onRead: () => void,
): Promise<number | undefined> {
  const how = (): Draw => ({
    ...{ settings: sampling, uniform: uniformOf(random), history, allowed: form?.allowed() },
  });
  if (model.draw && !processLogits) {
    const drawn = await unlessAborted(() => model.draw!(tokens, how, signal), signal);
    if (drawn !== undefined) {
      onRead();
      return drawn;
    }
  }
  const logits = await unlessAborted(() => model.append(tokens, signal), signal);
  if (logits === undefined) return undefined;
  onRead();
  if (signal?.aborted) return undefined;
  const changed = processLogits ? changedCopy(logits, history, processLogits) : logits;
  return sampler.sample(form ? form.restricted(changed) : changed, sampling, random, history);
}

function changedCopy(
  logits: Float32Array,
  tokens: readonly number[],
  change: NonNullable<GenerateOptions['processLogits']>,
): Float32Array {
  const copy = logits.slice();
  change(copy, tokens);
  return copy;
}

/**
 * Number of the `wanted` tokens that fit after `before` others. The last one is predicted and not read.
 * @throws InputError if the earlier tokens alone do not fit: in a step of the model, they would end other texts too
 */
function tokensThatFit(wanted: number, before: number, contextLength = Number.POSITIVE_INFINITY): number {
  checkContext(before, contextLength);
  return Math.min(wanted, contextLength + 1 - before);
}

/** Returns the result of `work`, or undefined if the signal was aborted before it ended. */
async function unlessAborted<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (signal?.aborted) return undefined;
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

function* nonEmpty(piece: string): Generator<string> {
  if (piece !== '') yield piece;
}

function checkPrompt(
  prompt: string | readonly number[],
  tokenizer: GenerationTokenizer,
  allowSpecial: boolean,
): readonly number[] {
  const ids = typeof prompt === 'string' ? tokenizer.encode(prompt, { allowSpecial }) : prompt;
  const wrong = ids.findIndex((id) => !Number.isInteger(id) || id < 0);
  if (wrong >= 0) throw new InputError(`prompt[${wrong}]: found ${ids[wrong]}, expected a token id`);
  if (ids.length > 0) return ids;
  if (tokenizer.bosTokenId !== undefined) return [tokenizer.bosTokenId];
  throw new InputError(
    'prompt: found no token, expected at least one: this tokenizer has no bos token to begin with',
  );
}

const OWN_OPTIONS = [
  ...[
    'maxTokens',
    'seed',
    'stop',
    'stopAtEos',
    'responseFormat',
    'processLogits',
    'allowSpecial',
    'signal',
    'onToken',
    'onFinish',
  ],
] as const;

function checkOptions(options: GenerateOptions, tokenizer: GenerationTokenizer) {
  refuseUnknown(options, [...SAMPLING_OPTIONS, ...OWN_OPTIONS]);
  const {
    maxTokens = 256,
    seed = randomSeed(),
    stop = [],
    stopAtEos = true,
    responseFormat: _format,
    processLogits,
    allowSpecial = false,
    signal,
    onToken,
    onFinish,
    ...sampling
  } = options;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0) {
    throw new InputError(`maxTokens: found ${maxTokens}, expected an integer of 0 or more`);
  }
  for (const [name, value] of Object.entries({ stopAtEos, allowSpecial })) {
    if (typeof value !== 'boolean') throw new InputError(`${name}: found ${value}, expected true or false`);
  }
  const texts = typeof stop === 'string' ? [stop] : stop;
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string' || text === '')) {
    throw new InputError(`stop: found ${JSON.stringify(stop)}, expected texts, none empty`);
  }
  // The name of a special token stops at the token; a text that spells it is text.
  const stopTokens = new Map<number, FinishReason>();
  for (const name of texts) {
    const id = tokenizer.tokenId(name);
    if (id !== undefined && tokenizer.isSpecial(id)) stopTokens.set(id, 'stop');
  }
  for (const id of stopAtEos ? endTokensOf(tokenizer) : []) stopTokens.set(id, 'eos');
  const random = new SeededRandom(seed);
  expectFunctions({ processLogits, onToken, onFinish });
  expectSignal(signal);
  const hooks = { signal, processLogits, onToken, onFinish };
  const stops = texts.filter((text) => !stopTokens.has(tokenizer.tokenId(text) ?? -1));
  return { maxTokens, sampling: checkSampling(sampling), random, stops, stopTokens, ...hooks };
}

function endTokensOf({ endTokenIds, eosTokenId }: GenerationTokenizer): readonly number[] {
  return endTokenIds ?? (eosTokenId === undefined ? [] : [eosTokenId]);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
