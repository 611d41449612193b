/** `/v1/chat/completions`: messages answered. */
import type { TextTokenizer } from '../text/tokenizer.ts';
import { AnswerParts } from './answerParts.ts';
import type { AnswerEvent } from './answers.ts';
import { type ChatRequest, chatRequestOf } from './chatRequest.ts';
import type { ChatFields } from './fields.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Start } from './start.ts';
import { chatLogprob } from './tokenText.ts';
import { type Envelope, envelopeOf, finishReason, type Wire, wantsUsage } from './wire.ts';

interface Choice {
  readonly index: number;
  readonly message: {
    readonly role: 'assistant';
    content: string | null;
    readonly refusal: null;
    tool_calls?: readonly object[];
  };
  logprobs: { readonly content: object[]; readonly refusal: null } | null;
  finish_reason: string | null;
}

export async function chatWire(
  runtime: Runtime,
  fields: ChatFields,
  start: Start,
  caller: Caller,
): Promise<Wire> {
  const { request, isTool } = await chatRequestOf(runtime, fields, start, caller);
  const answer = new ChatAnswer(runtime, {
    n: request.n,
    logprobs: request.options.logprobs !== undefined,
    isTool,
    collects: fields.stream !== true,
  });
  return {
    request,
    stream: fields.stream === true,
    chunks: (event) => answer.chunks(event),
    ending: (usage) =>
      wantsUsage(fields) ? [{ ...answer.envelope, object: chunkObject, choices: [], usage }] : [],
    whole: (usage) => ({ ...answer.envelope, choices: answer.choices, usage }),
  };
}

const chunkObject = 'chat.completion.chunk';

interface AnswerOptions {
  readonly n: number;
  readonly logprobs: boolean;
  readonly isTool: ChatRequest['isTool'];
  /** Whether the answer is kept, to be sent as a whole. */
  readonly collects: boolean;
}

class ChatAnswer {
  readonly envelope: Envelope;
  readonly choices: Choice[];
  readonly #tokenizer: TextTokenizer;
  readonly #parts: readonly AnswerParts[];
  readonly #collects: boolean;

  constructor(runtime: Runtime, options: AnswerOptions) {
    this.#collects = options.collects;
    this.envelope = envelopeOf(runtime, 'chatcmpl', 'chat.completion');
    this.#tokenizer = runtime.tokenizer;
    this.#parts = Array.from({ length: options.n }, () => new AnswerParts(options.isTool));
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
      const { delta, calls } = this.#add(choice, undefined);
      choice.finish_reason =
        calls > 0 && event.reason !== 'length' ? 'tool_calls' : finishReason(event.reason);
      const rest = Object.keys(delta).length > 0 ? [this.#chunk(event.index, delta)] : [];
      return [...rest, this.#chunk(event.index, {}, [], choice.finish_reason)];
    }
    const told = event.tokens.filter(({ ends }) => !ends); // as OpenAI's
    const logprobs = told.map((token) => chatLogprob(this.#tokenizer, token));
    if (this.#collects) choice.logprobs?.content.push(...logprobs);
    return [this.#chunk(event.index, this.#add(choice, event.text).delta, logprobs)];
  }

  /** Adds a piece to a choice, or what is left at its end: what a stream tells of it, and its calls so far. */
  #add(choice: Choice, piece: string | undefined): { readonly delta: object; readonly calls: number } {
    const parts = this.#parts[choice.index]!;
    const first = parts.calls;
    const { text, calls } = piece === undefined ? parts.end() : parts.push(piece);
    const { message } = choice;
    if (this.#collects) message.content = (message.content ?? '') + text;
    const told = calls.map(({ id, name, arguments: args }) => ({
      ...{ id, type: 'function' as const, function: { name, arguments: args } },
    }));
    if (this.#collects && told.length > 0) message.tool_calls = [...(message.tool_calls ?? []), ...told];
    if (piece === undefined && parts.calls > 0 && message.content === '') message.content = null;
    const delta = {
      ...(text !== '' && { content: text }),
      ...(told.length > 0 && { tool_calls: told.map((call, at) => ({ index: first + at, ...call })) }),
    };
    return { delta, calls: parts.calls };
  }

  #chunk(index: number, delta: object, content: object[] = [], reason: string | null = null): object {
    const logprobs = content.length > 0 ? { content, refusal: null } : null;
    const choices = [{ index, delta, logprobs, finish_reason: reason }];
    return { ...this.envelope, object: chunkObject, choices };
  }
}
