/** One choice of an answer: a generated sequence, token by token, with facts about each token. */
import type { Constraint } from '../generate/constraint/matcher.ts';
import { type FinishReason, generate, type SequenceModel } from '../generate/generate.ts';
import type { SamplingOptions } from '../generate/samplingOptions.ts';
import type { SavedSession } from '../generate/savedSession.ts';
import { logProbability, type TokenLogprob } from './logProbability.ts';
import type { Runtime } from './runtime.ts';
import type { Sequence } from './sequence.ts';

export interface ChoiceOptions {
  readonly sampling: SamplingOptions;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly stopAtEos: boolean;
  readonly seed: number | undefined;
  /** Subtracted from a token's logit for each occurrence, and once if it has occurred. */
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Added to logits. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** The form that the answer must have. */
  readonly form: Constraint | undefined;
  /** Number of most probable tokens to list for each token; undefined: no log-probabilities. */
  readonly logprobs: number | undefined;
}

/** A token of the answer; `offset` is the start of its text, in UTF-16 units from the answer's beginning. */
export type AnswerToken = TokenLogprob & {
  readonly offset: number;
  /** Whether this is the eos token, which ends the answer and has no text. */
  readonly ends?: true;
};

export interface Piece {
  readonly text: string;
  /** Tokens whose text has begun by now; only if log-probabilities are requested. */
  readonly tokens: readonly AnswerToken[];
}

export interface ChoiceEnd {
  readonly reason: FinishReason;
  /** Number of generated tokens, without an eos token. */
  readonly tokens: number;
  /** All tokens read and generated, for continuing. */
  readonly session: SavedSession;
  /** The tokens of this request that the state in `session` has read. */
  readonly read: readonly number[];
}

/** The start of a choice. */
export interface Beginning {
  /** A sequence that has read all tokens but the last. */
  readonly sequence: Sequence;
  /** Tokens of this request, at least one. */
  readonly tokens: readonly number[];
  /** The conversation before this request. */
  readonly earlier: SavedSession | undefined;
}

/** Tokens that the repetition penalty of sessions covers, as in `Session`. */
const maxRecent = 1024;
/** Number of tokens that affect how the next one is decoded: spaces, and bytes of one character. */
const textContext = 64;

/** Yields the answer. The caller closes the sequence. */
export async function* answer(
  { tokenizer }: Pick<Runtime, 'tokenizer'>,
  { sequence, tokens, earlier }: Beginning,
  options: ChoiceOptions,
  signal: AbortSignal,
): AsyncGenerator<Piece, ChoiceEnd> {
  const { sampling, maxTokens, stop, stopAtEos, seed, form, logprobs } = options;
  const all = [...(earlier?.recent ?? []), ...tokens];
  // Apart from the repetition penalty only the text's end matters: the next turn of a long chat costs no more.
  const history = sampling.repetitionPenalty === 1 ? all.slice(-textContext) : all;
  const generated: number[] = [];
  const record = logprobs === undefined ? undefined : new TokenRecord(tokenizer, history, logprobs);
  let logits = new Float32Array();
  let unread: readonly number[] = tokens.slice(-1);
  let end: { reason: FinishReason; tokens: number } | undefined;
  const model: SequenceModel = {
    async append() {
      logits = (await sequence.append(unread, signal)) as typeof logits;
      unread = [];
      return adjusted(logits, generated, options);
    },
  };
  if (sequence.draws && logprobs === undefined && !adjusts(options))
    model.draw = async (_tokens, how) => {
      const token = await sequence.draw(unread, how(), signal);
      unread = [];
      return token;
    };
  const pieces = generate(model, tokenizer, history, {
    ...{ ...sampling, maxTokens, stop, stopAtEos, signal },
    ...(seed === undefined ? {} : { seed }),
    // Log-probabilities are the model's: it is asked for every token.
    responseFormat: logprobs === undefined ? form : form?.unforced(),
    onToken(id) {
      generated.push(id);
      unread = [...unread, id];
      record?.add(id, logits);
    },
    onFinish: (finish) => {
      end = finish;
    },
  });
  for await (const text of pieces) yield { text, tokens: record?.take(text) ?? [] };
  const { reason, tokens: count } = end!;
  const rest = record?.rest(reason) ?? [];
  if (rest.length > 0) yield { text: '', tokens: rest };
  if (reason === 'abort') throw signal.reason;
  const read = [...tokens, ...generated];
  const session: SavedSession = {
    tokens: (earlier?.tokens ?? 0) + read.length,
    unread,
    recent: [...all, ...generated].slice(-maxRecent),
    state: await sequence.save(),
  };
  return { reason, tokens: count, session, read: read.slice(0, -unread.length) };
}

function adjusts({ frequencyPenalty, presencePenalty, logitBias }: ChoiceOptions): boolean {
  return frequencyPenalty !== 0 || presencePenalty !== 0 || logitBias.size > 0;
}

/** Logits with biases and OpenAI's two penalties, which see generated tokens only. */
function adjusted(logits: Float32Array, generated: readonly number[], options: ChoiceOptions): Float32Array {
  const { frequencyPenalty, presencePenalty, logitBias } = options;
  if (!adjusts(options)) return logits;
  const penalised = frequencyPenalty !== 0 || presencePenalty !== 0;
  const result = logits.slice();
  for (const [id, bias] of logitBias) result[id]! += bias;
  if (penalised) {
    for (const id of generated) result[id]! -= frequencyPenalty;
    for (const id of new Set(generated)) result[id]! -= presencePenalty;
  }
  return result;
}

/** Holds tokens back until the text that they belong to is yielded. */
class TokenRecord {
  readonly #stream: { push(id: number): string };
  readonly #count: number;
  readonly #waiting: AnswerToken[] = [];
  #length = 0;
  #told = 0;

  constructor(tokenizer: Runtime['tokenizer'], history: readonly number[], count: number) {
    this.#stream = tokenizer.stream();
    this.#count = count;
    for (const id of history) this.#stream.push(id);
  }

  add(id: number, logits: Float32Array): void {
    this.#waiting.push({ ...logProbability(logits, id, this.#count), offset: this.#length });
    this.#length += this.#stream.push(id).length;
  }

  /** The tokens that begin in the text yielded so far, whose last piece is `piece`. */
  take(piece: string): AnswerToken[] {
    this.#told += piece.length;
    const after = this.#waiting.findIndex(({ offset }) => offset >= this.#told);
    return this.#waiting.splice(0, after < 0 ? this.#waiting.length : after);
  }

  /** The remaining tokens, at the end of the text; those of a stop text are not part of the answer. */
  rest(reason: FinishReason): AnswerToken[] {
    if (reason === 'stop') return [];
    const last = this.#waiting.at(-1);
    if (reason === 'eos' && last) this.#waiting.splice(-1, 1, { ...last, ends: true });
    return this.#waiting;
  }
}
