/**
 * Turns of a chat over a session. The model reads each message once: a turn appends the part of the rendered chat that
 * the session does not hold yet. If a template rewrites earlier messages, the whole chat is read again.
 */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type ChatFormat, chatFormatOf, idsFrom } from './chatFormat.ts';
import type { ChatMessage } from './chatTemplate.ts';
import type { Finish, GenerateOptions } from './generate.ts';
import type { ChatPrompt } from './literalText.ts';
import type { Session } from './session.ts';
import type { ToolDefinition } from './tools/tools.ts';

const format = 'plusminus chat 1';
const savedCall = v.object({
  id: v.exactOptional(v.string()),
  type: v.literal('function'),
  function: v.object({ name: v.string(), arguments: v.unknown() }),
});
const savedSchema = v.object({
  format: v.literal(format),
  messages: v.array(
    v.object({
      ...{ role: v.string(), content: v.string() },
      tool_calls: v.exactOptional(v.pipe(v.array(savedCall), v.readonly())),
      tool_call_id: v.exactOptional(v.string()),
    }),
  ),
  read: v.nullable(v.string()),
  cut: v.optional(v.nullable(v.string()), null),
  session: v.string(),
});

export interface ReplyOptions extends GenerateOptions {
  /** Called while a long message is read: tokens of it that the model has read, and all. */
  readonly onRead?: (read: number, total: number) => void;
}

/** Tokens of a message that are read before `onRead` is called again. */
const readAtOnce = 512;

export class Conversation {
  readonly messages: ChatMessage[] = [];
  readonly #newSession: () => Session;
  readonly #tokenizer: TextTokenizer;
  readonly #format: ChatFormat;
  readonly #tools: readonly ToolDefinition[];
  #session: Session;
  /** The text that the session holds, if it is known. */
  #read: string | undefined;
  /** The text before the last answer, if that was cut off. */
  #cut: string | undefined;

  /**
   * @param system the system message
   * @param tools functions that the model is told of
   */
  constructor(
    newSession: () => Session,
    tokenizer: TextTokenizer,
    system?: string,
    tools: readonly ToolDefinition[] = [],
  ) {
    this.#newSession = newSession;
    this.#tools = tools;
    this.#session = newSession();
    this.#tokenizer = tokenizer;
    this.#format = chatFormatOf(tokenizer);
    if (system !== undefined) this.messages.push({ role: 'system', content: system });
  }

  /** Tokens that the session has read and written. */
  get tokens(): number {
    return this.#session.tokens;
  }

  /** The conversation as a text of JSON: its messages, and the state of the model after them. */
  save(): string {
    const session = toBase64(this.#session.save());
    const saved: v.InferOutput<typeof savedSchema> = {
      format,
      messages: this.messages,
      read: this.#read ?? null,
      cut: this.#cut ?? null,
      session,
    };
    return JSON.stringify(saved);
  }

  /**
   * Replaces this conversation by a saved one.
   * @param restore `LanguageModel.restore`
   * @throws InputError if it is damaged or of another model; the conversation is then unchanged
   */
  resume(saved: string, restore: (session: Uint8Array) => Session): void {
    const { messages, read, cut, session } = parse(saved);
    this.#session = restore(fromBase64(session));
    this.#read = read ?? undefined;
    this.#cut = cut ?? undefined;
    this.messages.splice(0, this.messages.length, ...messages);
  }

  /** An independent copy. */
  fork(): Conversation {
    const copy = new Conversation(this.#newSession, this.#tokenizer, undefined, this.#tools);
    copy.messages.push(...this.messages.map((message) => ({ ...message })));
    copy.#session = this.#session.fork();
    copy.#read = this.#read;
    copy.#cut = this.#cut;
    return copy;
  }

  /** Yields the answer to a message. An aborted answer stays in the conversation, truncated. */
  reply(content: string, options: ReplyOptions = {}): AsyncGenerator<string> {
    return this.answer([...this.messages, { role: 'user', content }], options);
  }

  /** Yields the answer to `messages`, which become those of the conversation. The model reads what is new in them. */
  async *answer(
    messages: readonly ChatMessage[],
    { onRead, ...options }: ReplyOptions = {},
  ): AsyncGenerator<string> {
    const earlier = this.#setMessages(messages);
    let prompt: ChatPrompt;
    try {
      prompt = this.#format.render(this.messages, this.#tools);
      await this.#catchUp(prompt, options.signal, onRead);
    } catch (error) {
      this.#setMessages(earlier); // the others were not read
      throw error;
    }
    this.messages.push({ role: 'assistant', content: '' });
    yield* this.#answer(prompt.text, options);
  }

  /** @returns the messages before */
  #setMessages(messages: readonly ChatMessage[]): ChatMessage[] {
    return this.messages.splice(0, this.messages.length, ...messages.map((message) => ({ ...message })));
  }

  /** Removes the message at `index` and all after it. */
  truncate(index: number): void {
    this.messages.splice(index);
    this.#cut = undefined; // the answer before was not the one that was cut off
  }

  /** Whether the last answer was cut off, by a limit or a stop, so that the model can continue it. */
  get canContinue(): boolean {
    return this.#cut !== undefined && this.#read !== undefined;
  }

  /**
   * Yields more of an answer that was cut off.
   * @throws InputError if the model has ended the last answer itself
   */
  async *continue(options: GenerateOptions = {}): AsyncGenerator<string> {
    if (this.#cut === undefined || this.#read === undefined) {
      throw new InputError('chat: the last answer is complete, expected one that was cut off');
    }
    yield* this.#answer(this.#cut, options);
  }

  /** @param before the text that the session held when the answer began */
  async *#answer(before: string, options: GenerateOptions): AsyncGenerator<string> {
    const answer = this.messages.at(-1)!;
    const earlier = answer.content;
    this.#read = this.#cut = undefined;
    const drawn: number[] = [];
    let reason: Finish['reason'] = 'abort'; // also of a caller that leaves the loop
    let failed = false;
    const generation = this.#session.generate({
      ...options,
      stop: [...[options.stop ?? []].flat(), ...this.#format.stop],
      onToken: (id) => {
        drawn.push(id);
        options.onToken?.(id);
      },
      onFinish: (finish) => {
        reason = finish.reason;
        options.onFinish?.(finish);
      },
    });
    try {
      for await (const piece of generation) {
        answer.content += piece;
        yield piece;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // After an error, it is not known what the session holds.
      if (!failed) this.#remember(before, earlier, drawn, reason);
    }
  }

  /**
   * Notes the text that the session holds, as the template will write it in the next prompt. Templates trim answers,
   * and a stop text or half a character is in the session but not in the answer; these differences are what the
   * model itself wrote, so it continues after them.
   */
  #remember(before: string, earlier: string, drawn: readonly number[], reason: Finish['reason']): void {
    const { content } = this.messages.at(-1)!;
    const end = this.#format.ending(drawn.at(-1)) ?? '';
    const written = earlier + this.#tokenizer.decode(drawn, { skipSpecialTokens: false });
    const next = this.#format.render([...this.messages, { role: 'user', content: 'next' }], this.#tools).text;
    const texts = [written, content + end, content.trim() + end, content, content.trim()];
    this.#read = texts
      .map((text) => before + text)
      .filter((text) => next.startsWith(text))
      .reduce<string | undefined>(
        (best, text) => (best && best.length >= text.length ? best : text),
        undefined,
      );
    if (reason === 'length' || reason === 'abort') this.#cut = before;
  }

  /** Reads what the session does not hold yet. If that fails, the session is as it was. */
  async #catchUp(
    prompt: ChatPrompt,
    signal: AbortSignal | undefined,
    onRead: ReplyOptions['onRead'],
  ): Promise<void> {
    const known = this.#read !== undefined && prompt.text.startsWith(this.#read) ? this.#read : undefined;
    const ids =
      known === undefined
        ? this.#format.encode(this.messages, this.#tools)
        : idsFrom(this.#tokenizer, prompt, known.length);
    const options = signal ? { signal } : {};
    // A reading in parts may be stopped between them, so it happens in a copy.
    const parts = Math.ceil(ids.length / readAtOnce);
    let session = known === undefined ? this.#newSession() : this.#session;
    if (parts > 1 && known !== undefined) session = session.fork();
    for (let start = 0; start < ids.length; start += readAtOnce) {
      await session.append(ids.slice(start, start + readAtOnce), options);
      onRead?.(Math.min(ids.length, start + readAtOnce), ids.length);
    }
    this.#session = session;
    this.#read = known;
  }
}

function parse(saved: string): v.InferOutput<typeof savedSchema> {
  try {
    return v.parse(savedSchema, JSON.parse(saved));
  } catch (cause) {
    throw new InputError('saved chat: found something else, expected what saving a chat wrote', { cause });
  }
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new InputError('saved chat: its session is not base64', { cause });
  }
}
