/** Answers prompts: several prompts, and several choices of each, in the same batch. */
import type { SavedSession } from '../generate/savedSession.ts';
import { answer, type ChoiceEnd, type ChoiceOptions, type Piece } from './choice.ts';
import { merge } from './merge.ts';
import { type PromptOptions, type ReadPrompt, readPrompt } from './reading.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Sequence } from './sequence.ts';

export interface AnswersRequest {
  readonly prompts: readonly Pick<PromptOptions, 'tokens' | 'earlier' | 'preamble'>[];
  /** Choices for each prompt; choice c of prompt p has the index p·n + c, and the seed of the request plus c. */
  readonly n: number;
  readonly options: ChoiceOptions;
  /** Number of most probable tokens to list for each token of the prompts; undefined: do not score them. */
  readonly scored: number | undefined;
}

export type AnswerEvent =
  | { readonly type: 'prompt'; readonly prompt: number; readonly read: ReadPrompt }
  | ({ readonly type: 'piece'; readonly index: number } & Piece)
  | ({ readonly type: 'end'; readonly index: number } & ChoiceEnd);

/**
 * Yields events in the order in which they happen. Leaving the loop, or aborting, frees all slots.
 * @throws TooBusyError before the first event; the signal's reason
 */
export async function* answers(
  runtime: Runtime,
  request: AnswersRequest,
  { client, signal }: Caller,
): AsyncGenerator<AnswerEvent> {
  const ended = new AbortController();
  const caller = { client, signal: AbortSignal.any([signal, ended.signal]) };
  runtime.scheduler.checkRoom(request.prompts.length * request.n, client);
  try {
    yield* merge(request.prompts.map((_, prompt) => answersTo(runtime, request, prompt, caller)));
  } finally {
    ended.abort(new Error('the reader of the answer has gone'));
  }
}

async function* answersTo(
  runtime: Runtime,
  request: AnswersRequest,
  prompt: number,
  caller: Caller,
): AsyncGenerator<AnswerEvent> {
  const { n, options, scored } = request;
  const read = await readPrompt(runtime, { ...request.prompts[prompt]!, scored }, caller);
  const { sequence, tokens, earlier } = read;
  const first = prompt * n;
  const choice = (index: number, from: Sequence) =>
    oneChoice(runtime, { index, tokens, earlier, seedOffset: index - first, options }, from, caller.signal);
  try {
    yield { type: 'prompt', prompt, read };
    if (n === 1) {
      yield* choice(first, sequence);
      return;
    }
    const state = await sequence.save();
    const others = Array.from({ length: n - 1 }, (_, other) =>
      inNewSlot(runtime, state, (from) => choice(first + 1 + other, from), caller),
    );
    yield* merge([choice(first, sequence), ...others]);
  } finally {
    sequence.close();
  }
}

async function* inNewSlot(
  { scheduler }: Runtime,
  state: Float32Array,
  use: (sequence: Sequence) => AsyncGenerator<AnswerEvent>,
  caller: Caller,
): AsyncGenerator<AnswerEvent> {
  const sequence = await scheduler.open(state, caller);
  try {
    yield* use(sequence);
  } finally {
    sequence.close();
  }
}

interface OneChoice {
  readonly index: number;
  readonly tokens: readonly number[];
  readonly earlier: SavedSession | undefined;
  readonly seedOffset: number;
  readonly options: ChoiceOptions;
}

async function* oneChoice(
  runtime: Runtime,
  { index, tokens, earlier, seedOffset, options }: OneChoice,
  sequence: Sequence,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent> {
  const seed = options.seed === undefined ? undefined : options.seed + seedOffset;
  // The last token of an answer is not read, so it needs no room in the context.
  const room = runtime.limits.contextTokens - (earlier?.tokens ?? 0) - tokens.length + 1;
  const maxTokens = Math.min(options.maxTokens, room);
  const pieces = answer(runtime, { sequence, tokens, earlier }, { ...options, maxTokens, seed }, signal);
  for (;;) {
    const { done, value } = await pieces.next();
    if (!done) {
      yield { type: 'piece', index, ...value };
      continue;
    }
    if (!earlier) runtime.cache.put(value.read, value.session.state);
    yield { type: 'end', index, ...value };
    return;
  }
}
