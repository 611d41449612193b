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

const format = 'plusminus chat 1';
const savedSchema = v.object({
  format: v.literal(format),
  messages: v.array(v.object({ role: v.string(), content: v.string() })),
  read: v.nullable(v.string()),
  session: v.string(),
});

export class Conversation {
  readonly messages: ChatMessage[] = [];
  readonly #newSession: () => Session;
  readonly #tokenizer: TextTokenizer;
  readonly #format: ChatFormat;
  #session: Session;
  /** The text that the session holds, if it is known exactly. */
  #read: string | undefined;

  /** @param system the system message */
  constructor(newSession: () => Session, tokenizer: TextTokenizer, system?: string) {
    this.#newSession = newSession;
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
    const { messages, read, session } = parse(saved);
    this.#session = restore(fromBase64(session));
    this.#read = read ?? undefined;
    this.messages.splice(0, this.messages.length, ...messages);
  }

  /** An independent copy. */
  fork(): Conversation {
    const copy = new Conversation(this.#newSession, this.#tokenizer);
    copy.messages.push(...this.messages);
    copy.#session = this.#session.fork();
    copy.#read = this.#read;
    return copy;
  }

  /** Yields the answer to a message. An aborted answer stays in the conversation, truncated. */
  async *reply(content: string, options: GenerateOptions = {}): AsyncGenerator<string> {
    this.messages.push({ role: 'user', content });
    const prompt = this.#format.render(this.messages);
    try {
      await this.#catchUp(prompt, options.signal);
    } catch (error) {
      this.messages.pop(); // it was not read
      throw error;
    }
    let answer = '';
    let lastId: number | undefined;
    let reason: Finish['reason'] | undefined;
    try {
      yield* this.#watched(
        {
          ...options,
          stop: [
            ...(typeof options.stop === 'string' ? [options.stop] : (options.stop ?? [])),
            ...this.#format.stop,
          ],
          onToken: (id) => {
            lastId = id;
            options.onToken?.(id);
          },
          onFinish: (finish) => {
            reason = finish.reason;
            options.onFinish?.(finish);
          },
        },
        (piece) => {
          answer += piece;
        },
      );
    } finally {
      this.messages.push({ role: 'assistant', content: answer });
      const end = this.#format.ending(lastId);
      const exact = (reason === 'eos' || reason === 'stop') && end !== undefined;
      this.#read = exact ? prompt.text + answer + end : undefined;
    }
  }

  async *#watched(options: GenerateOptions, see: (piece: string) => void): AsyncGenerator<string> {
    for await (const piece of this.#session.generate(options)) {
      see(piece);
      yield piece;
    }
  }

  async #catchUp(prompt: ChatPrompt, signal: AbortSignal | undefined): Promise<void> {
    const known = this.#read !== undefined && prompt.text.startsWith(this.#read) ? this.#read : undefined;
    this.#read = undefined;
    if (known === undefined) this.#session = this.#newSession();
    const ids =
      known === undefined
        ? this.#format.encode(this.messages)
        : idsFrom(this.#tokenizer, prompt, known.length);
    await this.#session.append(ids, signal ? { signal } : {});
  }
}

function parse(saved: string): v.InferOutput<typeof savedSchema> {
  try {
    return v.parse(savedSchema, JSON.parse(saved));
  } catch (cause) {
    throw new InputError('saved chat: not a file that Conversation.save wrote', { cause });
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
