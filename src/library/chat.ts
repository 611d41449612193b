/** A chat with a model: its history, and answers that are streamed or awaited. */
import { BusyError, InputError } from '../errors.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import { Conversation, type ReplyOptions } from '../generate/conversation.ts';
import type { GenerateOptions } from '../generate/generate.ts';
import { refuseUnknown } from '../generate/samplingOptions.ts';
import type { Session } from '../generate/session.ts';
import { expectObject, expectText } from '../given.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type Completion, collecting, runToEnd } from './completion.ts';
import { checkMessages } from './prompt.ts';
import { definitionsOf, type RespondOptions, responding, type ToolResponse, type Tools } from './respond.ts';

/** How a chat begins: empty, with a system message, with earlier messages, or as it was saved; with or without tools. */
export interface ChatStart {
  /** The system message. */
  readonly system?: string | undefined;
  /** Earlier messages, oldest first. Not together with `system` or `saved`. */
  readonly messages?: readonly ChatMessage[] | undefined;
  /** The result of `Chat.save`; the chat continues without reading its messages again. */
  readonly saved?: string | undefined;
  /** Functions that the model may call in every answer. They are not saved: give them again with `saved`. */
  readonly tools?: Tools | undefined;
}

/** Options of a message: those of an answer and, in a chat with tools, those of their calls. */
export type MessageOptions = ReplyOptions & Pick<RespondOptions, 'toolChoice' | 'maxSteps'>;

/** The parts of a model that a chat uses. */
export interface ChatModel {
  readonly tokenizer: TextTokenizer;
  session(): Session;
  restore(saved: Uint8Array): Session;
  respond(messages: readonly ChatMessage[], options: RespondOptions): Promise<ToolResponse>;
}

/**
 * A chat with history: the model reads each message once.
 * @typeParam Answer what `send` resolves with: `ToolResponse` in a chat with tools
 */
export class Chat<Answer extends Completion = Completion> {
  readonly #model: ChatModel;
  readonly #tools: Tools | undefined;
  #conversation: Conversation;
  /** The conversation before each user message, so that going back reads nothing again. */
  #earlier: Conversation[] = [];
  #busy = false;

  /** Use `LanguageModel.chat()`. */
  constructor(model: ChatModel, start: ChatStart = {}) {
    refuseUnknown(start, ['system', 'messages', 'saved', 'tools'], 'chat');
    const { system, messages, saved, tools } = start;
    for (const [name, text] of Object.entries({ system, saved }))
      if (text !== undefined) expectText(name, text);
    if (messages !== undefined) checkMessages(messages);
    if ([system ?? saved, messages].filter((given) => given !== undefined).length > 1 || (system && saved)) {
      throw new InputError('chat: found several of system, messages and saved, expected at most one');
    }
    this.#model = model;
    this.#tools = tools;
    const definitions = tools && definitionsOf(tools);
    this.#conversation = new Conversation(() => model.session(), model.tokenizer, system, definitions);
    if (messages) this.#conversation.messages.push(...messages.map((message) => ({ ...message })));
    if (saved !== undefined) this.#conversation.resume(saved, (bytes) => model.restore(bytes));
  }

  /** The history, oldest first: a copy. */
  get messages(): ChatMessage[] {
    return this.#conversation.messages.map((message) => ({ ...message }));
  }

  /** Tokens that the model has read and written in this chat. */
  get tokens(): number {
    return this.#conversation.tokens;
  }

  /**
   * Yields the answer to a message as it is generated. Message and answer join the history; an answer that is
   * aborted, or whose loop the caller leaves, joins it as far as it came. In a chat with tools, their calls and results
   * join it too; the text around calls is yielded, the calls are not.
   * @throws InputError if an option is wrong, the chat template refuses the message, or the model calls tools in each of
   *   `maxSteps` answers; BusyError while an earlier answer is still being generated. After an error the chat is as it
   *   was before the message
   */
  async *stream(message: string, options: MessageOptions = {}): AsyncGenerator<string> {
    yield* this.#answering(message, options);
  }

  /** Yields the answer, and returns the whole; undefined if it was aborted. */
  async *#answering(message: string, options: MessageOptions): AsyncGenerator<string, Answer | undefined> {
    expectObject('options', options);
    this.#begin(message);
    let before: Conversation | undefined;
    let failed = false;
    try {
      before = this.#conversation.fork(); // an error if the model was disposed
      const pieces = this.#tools
        ? this.#respondingTo(message, { ...options, tools: this.#tools })
        : collecting((hooked) => this.#conversation.reply(message, hooked), options);
      return (yield* pieces) as Answer | undefined;
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      this.#busy = false;
      if (before && failed) this.#conversation = before;
      else if (before) this.#earlier.push(before);
    }
  }

  /** Each answer continues the conversation, which the model has read up to the last call. */
  #respondingTo(message: string, options: RespondOptions): AsyncGenerator<string, ToolResponse | undefined> {
    const given = [...this.messages, { role: 'user', content: message }];
    return responding(
      (told, { tools: _, ...asked }) => this.#conversation.answer(told, asked),
      this.#model.tokenizer,
      given,
      options,
    );
  }

  /** Whether the last answer was cut off, by a limit or a stop, so that `continue` can continue it. */
  get canContinue(): boolean {
    return this.#conversation.canContinue;
  }

  /**
   * Yields more of an answer that was cut off; it joins that answer in the history.
   * @throws InputError if the last answer is complete; BusyError while an answer is still being generated
   */
  async *continue(options: GenerateOptions = {}): AsyncGenerator<string> {
    this.#checkIdle();
    this.#busy = true;
    try {
      yield* this.#conversation.continue(options);
    } finally {
      this.#busy = false;
    }
  }

  /**
   * The whole answer to a message, with usage and, in a chat with tools, the calls that led to it.
   * @throws as `stream`; the signal's reason if it is aborted
   */
  async send(message: string, options: MessageOptions = {}): Promise<Answer> {
    expectObject('options', options);
    return runToEnd(this.#answering(message, options), options.signal);
  }

  /**
   * Answers one message with other tools than the chat's, as `LanguageModel.respond` does: the message, calls, results
   * and the answer join the history. The model reads the whole chat for each answer, and again at the next message.
   * @throws as `send`; InputError if a tool is wrong, or the model calls tools in each of `maxSteps` answers
   */
  async respond(message: string, options: RespondOptions): Promise<ToolResponse> {
    this.#begin(message);
    try {
      const response = await this.#model.respond(
        [...this.messages, { role: 'user', content: message }],
        options,
      );
      this.#earlier.push(this.#conversation);
      this.#conversation = new Chat(this.#model, {
        ...{ messages: response.messages, tools: this.#tools },
      }).#conversation;
      return response;
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Goes back: removes the message at `index` of `messages`, a user's, and everything after it. Send another message
   * then to edit it, or the same one for another answer.
   */
  rewind(index: number): void {
    this.#checkIdle();
    const message = this.#conversation.messages[index];
    if (message?.role !== 'user') {
      throw new InputError(
        `index: found ${index}${message ? `, a message of the ${message.role}` : ''}, expected that of a user's message`,
      );
    }
    const before = this.#earlier.find(({ messages }) => messages.length === index);
    if (before) this.#conversation = before;
    else this.#conversation.truncate(index);
    this.#earlier = this.#earlier.filter(({ messages }) => messages.length < index);
  }

  /** An independent copy, with the model's state: a branch that costs no reading. */
  fork(): Chat<Answer> {
    this.#checkIdle();
    const copy = new Chat<Answer>(this.#model, { tools: this.#tools });
    copy.#conversation = this.#conversation.fork();
    copy.#earlier = [...this.#earlier];
    return copy;
  }

  /** History and state as text of JSON, for `model.chat({ saved })`. */
  save(): string {
    this.#checkIdle();
    return this.#conversation.save();
  }

  /** @throws InputError if the message is no text; BusyError while an answer is being generated */
  #begin(message: unknown): void {
    if (typeof message !== 'string') {
      throw new InputError(`message: found ${message === null ? 'null' : typeof message}, expected a text`);
    }
    this.#checkIdle();
    this.#busy = true;
  }

  #checkIdle(): void {
    if (!this.#busy) return;
    throw new BusyError(
      'chat: an answer is still being generated; let it end or abort it first, or fork() before',
    );
  }
}
