/** The loaded model: chats, generates, and can be observed. */
import { InputError } from '../../../src/errors.ts';
import type { ReplyOptions } from '../../../src/generate/conversation.ts';
import type { GenerateOptions } from '../../../src/generate/generate.ts';
import { LanguageModel, type LoadProgress } from '../../../src/languageModel.ts';
import type { Chat } from '../../../src/library/chat.ts';
import { openSource } from '../../../src/library/source.ts';
import { loadIntoEngine } from '../../../src/loadModel.ts';
import { isGguf } from '../../../src/platform/ggufPaths.ts';
import type { MemoryRoom } from '../../../src/run/room.ts';
import { type ChosenEngine, chooseEngine } from './chooseEngine.ts';
import { Explainer } from './explain.ts';
import { ModelObserver, type Opened } from './observer.ts';
import type {
  Anatomy,
  Answered,
  Calls,
  ChatEvent,
  Explanation,
  ModelCard,
  Observation,
  Sampling,
  Source,
  Ternary,
  Written,
} from './protocol.ts';
import { type Report, streamText } from './streamText.ts';

type Request<M extends keyof Calls> = Calls[M]['request'];

export class LoadedModel {
  #opened: (Opened & { readonly model: LanguageModel }) | undefined;
  #chat: Chat | undefined;
  #observer: ModelObserver | undefined;
  #explainer: Explainer | undefined;

  async load(
    { source, engine: choice }: Request<'load'>,
    report: Report<LoadProgress | MemoryRoom>,
    signal: AbortSignal,
  ): Promise<ModelCard> {
    let chosen: ChosenEngine | undefined;
    const createEngine = async () => {
      chosen = await chooseEngine(choice);
      return chosen.engine;
    };
    const opened = openSource(typeof source === 'object' && 'files' in source ? source.files : source);
    const options = { onProgress: report, onMemory: report, signal };
    const parts = await loadIntoEngine(opened.name, createEngine, options).finally(opened.release);
    await this.#opened?.model.dispose();
    this.#opened = { ...parts, model: new LanguageModel(parts) };
    this.#chat = undefined;
    this.#observer = this.#explainer = undefined;
    const { config, architecture, tokenizer } = parts;
    const { weights, statePerSequence } = this.#opened.model.memory;
    return {
      ...{ name: nameOf(opened.name, source), fingerprint: parts.fingerprint },
      engine: chosen!.kind,
      engineName: chosen!.name,
      engineNote: chosen!.note,
      parameters: architecture
        .parameters()
        .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      layers: config.layers,
      width: config.hiddenSize,
      vocabulary: config.vocabSize,
      weightBytes: weights,
      stateBytes: statePerSequence,
      attends: architecture.memory === 'cache',
      chats: tokenizer?.chatTemplate !== undefined,
    };
  }

  chat(request: Request<'chat'>, report: Report<ChatEvent>, signal: AbortSignal): Promise<Answered> {
    const chat = this.#currentChat();
    const onRead: ReplyOptions['onRead'] = (read, total) => report({ read, total });
    return this.#answered(
      (options) => chat.stream(request.message, { ...options, onRead }),
      request,
      report,
      signal,
    );
  }

  continueChat(
    request: Request<'continueChat'>,
    report: Report<ChatEvent>,
    signal: AbortSignal,
  ): Promise<Answered> {
    const chat = this.#currentChat();
    return this.#answered((options) => chat.continue(options), request, report, signal);
  }

  async #answered(
    write: (options: GenerateOptions) => AsyncIterable<string>,
    { temperature, maxTokens, seed }: Sampling,
    report: Report<ChatEvent>,
    signal: AbortSignal,
  ): Promise<Answered> {
    const sampling = { temperature, maxTokens, ...(seed === undefined ? {} : { seed }) };
    const written = await streamText(write, sampling, (text) => report({ text }), signal);
    const chat = this.#currentChat();
    const { messages } = chat;
    // Stopped before the first word: the message is the reader's again.
    if (messages.at(-1)?.content === '') chat.rewind(messages.length - 2);
    return { ...written, canContinue: chat.canContinue };
  }

  async rewindChat({ index }: Request<'rewindChat'>): Promise<undefined> {
    this.#currentChat().rewind(index);
  }

  async newChat(): Promise<undefined> {
    this.#chat = undefined;
  }

  async saveChat(): Promise<Calls['saveChat']['result']> {
    const chat = this.#currentChat();
    return { saved: chat.save(), messages: chat.messages };
  }

  async openChat({ saved, messages }: Request<'openChat'>): Promise<undefined> {
    const { model } = this.#expectModel();
    try {
      this.#chat = model.chat(saved === undefined ? { messages } : { saved });
    } catch (error) {
      // The state of another model; the words are the same.
      if (!(error instanceof InputError)) throw error;
      this.#chat = model.chat({ messages });
    }
  }

  #currentChat(): Chat {
    this.#chat ??= this.#expectModel().model.chat();
    return this.#chat;
  }

  async write(
    { prompt, ...sampling }: Request<'write'>,
    report: Report<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const { model } = this.#expectModel();
    return streamText((options) => model.generate(prompt, options), sampling, report, signal);
  }

  async anatomy(): Promise<Anatomy> {
    return this.#expectObserver().anatomy();
  }

  async ternary({ name, max }: Request<'ternary'>): Promise<Ternary> {
    return this.#expectObserver().ternary(name, max);
  }

  async observe(
    request: Request<'observe'>,
    report: Report<Observation>,
    signal: AbortSignal,
  ): Promise<undefined> {
    await this.#expectObserver().observe(request, report, signal);
  }

  async explain({ text, ...place }: Request<'explain'>): Promise<Explanation> {
    this.#explainer ??= new Explainer(this.#expectModel());
    return this.#explainer.explain(text, place);
  }

  #expectModel() {
    if (!this.#opened) throw new Error('no model is loaded');
    return this.#opened;
  }

  #expectObserver(): ModelObserver {
    this.#observer ??= new ModelObserver(this.#expectModel());
    return this.#observer;
  }
}

/** The last part of an address or a Hub name, or the folder of the reader's files. */
function nameOf(source: string, given: Source): string {
  if (typeof given === 'object' && 'files' in given) return given.name;
  if (typeof given !== 'string') {
    const [folder, within] = (given[0]?.webkitRelativePath ?? '').split('/');
    if (within !== undefined) return folder!;
    if (!isGguf(source)) return 'your files';
  }
  return (
    source
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) ?? source
  );
}
