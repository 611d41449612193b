/** `/v1/chat/completions`: answers messages. */

import { type ChatFormat, chatFormatOf } from '../generate/chatFormat.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { AnswerEvent } from './answers.ts';
import { ApiError } from './apiError.ts';
import type { ChatFields } from './fields.ts';
import { choiceOptionsOf } from './fields.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import { checkChoices, checkMaxTokens, continued, type Start } from './start.ts';
import { chatLogprob } from './tokenText.ts';
import { type Envelope, envelopeOf, finishReason, type Wire, wantsUsage } from './wire.ts';

interface Choice {
  readonly index: number;
  readonly message: { readonly role: 'assistant'; content: string; readonly refusal: null };
  logprobs: { readonly content: object[]; readonly refusal: null } | null;
  finish_reason: string | null;
}

export async function chatWire(
  runtime: Runtime,
  fields: ChatFields,
  start: Start,
  caller: Caller,
): Promise<Wire> {
  const { tokenizer } = runtime;
  const n = fields.n ?? 1;
  checkChoices(runtime, n, start, caller);
  const format = formatOf(tokenizer);
  const ids = await encodeMessages(runtime, fields.messages, start.earlier, caller);
  const tokens = continued(runtime, ids, start.earlier, 'messages');
  const { name, value } = maxTokensOf(fields);
  const maxTokens = checkMaxTokens(runtime, name, value ?? runtime.limits.maxTokens);
  const logprobs = logprobsOf(fields);
  const options = choiceOptionsOf(fields, {
    ...{ maxTokens, logprobs, vocabulary: runtime.scheduler.vocabulary, form: runtime.forms.of(fields) },
  });
  const answer = new ChatAnswer(runtime, tokenizer, {
    n,
    logprobs: logprobs !== undefined,
    collects: fields.stream !== true,
  });
  return {
    request: {
      prompts: [tokens],
      n,
      options: {
        ...options,
        stop: fields.ignore_eos === true ? options.stop : [...options.stop, ...format.stop],
      },
      scored: undefined,
    },
    stream: fields.stream === true,
    includeUsage: wantsUsage(fields),
    chunks: (event) => answer.chunks(event),
    usageChunk: (usage) => ({ ...answer.envelope, object: chunkObject, choices: [], usage }),
    whole: () => ({ ...answer.envelope, choices: answer.choices }),
  };
}

const chunkObject = 'chat.completion.chunk';

interface AnswerOptions {
  readonly n: number;
  readonly logprobs: boolean;
  /** Whether the answer is kept, to be sent as a whole. */
  readonly collects: boolean;
}

class ChatAnswer {
  readonly envelope: Envelope;
  readonly choices: Choice[];
  readonly #tokenizer: TextTokenizer;
  readonly #collects: boolean;

  constructor(runtime: Runtime, tokenizer: TextTokenizer, options: AnswerOptions) {
    this.#collects = options.collects;
    this.envelope = envelopeOf(runtime, 'chatcmpl', 'chat.completion');
    this.#tokenizer = tokenizer;
    this.choices = Array.from({ length: options.n }, (_, index) => ({
      index,
      message: { role: 'assistant', content: '', refusal: null },
      logprobs: options.logprobs ? { content: [], refusal: null } : null,
      finish_reason: null,
    }));
  }

  chunks(event: AnswerEvent): object[] {
    if (event.type === 'prompt')
      return this.choices.map(({ index }) =>
        this.#chunk(index, { role: 'assistant', content: '', refusal: null }),
      );
    const choice = this.choices[event.index]!;
    if (event.type === 'end') {
      choice.finish_reason = finishReason(event.reason);
      return [this.#chunk(event.index, {}, [], choice.finish_reason)];
    }
    const told = event.tokens.filter(({ ends }) => !ends); // as OpenAI's
    const logprobs = told.map((token) => chatLogprob(this.#tokenizer, token));
    if (this.#collects) {
      choice.message.content += event.text;
      choice.logprobs?.content.push(...logprobs);
    }
    return [this.#chunk(event.index, event.text === '' ? {} : { content: event.text }, logprobs)];
  }

  #chunk(index: number, delta: object, content: object[] = [], reason: string | null = null): object {
    const logprobs = content.length > 0 ? { content, refusal: null } : null;
    const choices = [{ index, delta, logprobs, finish_reason: reason }];
    return { ...this.envelope, object: chunkObject, choices };
  }
}

/** Templates are parsed once. */
let known: { readonly tokenizer: TextTokenizer; readonly format: ChatFormat } | undefined;

function formatOf(tokenizer: TextTokenizer): ChatFormat {
  if (known?.tokenizer !== tokenizer) known = { tokenizer, format: chatFormatOf(tokenizer) };
  return known.format;
}

/**
 * The ids of a chat, up to where the answer begins.
 * @param earlier a conversation that the messages continue; they then contain only what is new
 */
export function encodeMessages(
  { tokenizer, encoder }: Runtime,
  given: ChatFields['messages'],
  earlier: Start['earlier'],
  caller: Caller,
): Promise<readonly number[]> {
  const format = formatOf(tokenizer);
  const messages = given.map(plainMessage);
  if (earlier) {
    const next = format.renderNext(messages, format.ending(earlier.unread.at(-1)));
    return encoder.encodeNext(next, 'messages', caller);
  }
  const { text, allowSpecial } = format.render(messages);
  const options = { addSpecialTokens: format.begins, allowSpecial };
  return encoder.encode(text, options, 'messages', caller);
}

function plainMessage({ role, content }: ChatFields['messages'][number]): ChatMessage {
  return {
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join(''),
  };
}

function maxTokensOf(fields: ChatFields) {
  const { max_tokens, max_completion_tokens } = fields;
  return typeof max_completion_tokens === 'number'
    ? { name: 'max_completion_tokens', value: max_completion_tokens }
    : { name: 'max_tokens', value: max_tokens ?? undefined };
}

function logprobsOf({ logprobs, top_logprobs }: ChatFields): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0;
  if (typeof top_logprobs === 'number' && top_logprobs > 0)
    throw new ApiError(400, 'top_logprobs: expected logprobs to be true too', { param: 'top_logprobs' });
  return undefined;
}
