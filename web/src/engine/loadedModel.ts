/** The loaded model: chats, generates, and can be observed. */
import { Conversation } from '../../../src/generate/conversation.ts';
import { LanguageModel, type LoadProgress } from '../../../src/languageModel.ts';
import { loadIntoEngine } from '../../../src/loadModel.ts';
import { type ChosenEngine, chooseEngine } from './chooseEngine.ts';
import { ModelObserver, type Opened } from './observer.ts';
import type { Anatomy, Calls, ModelCard, Observation, Ternary, Written } from './protocol.ts';
import { type Report, streamText } from './streamText.ts';

type Request<M extends keyof Calls> = Calls[M]['request'];

export class LoadedModel {
  #opened: (Opened & { readonly model: LanguageModel }) | undefined;
  #conversation: Conversation | undefined;
  #observer: ModelObserver | undefined;

  async load(
    { source, engine: choice }: Request<'load'>,
    report: Report<LoadProgress>,
    signal: AbortSignal,
  ): Promise<ModelCard> {
    let chosen: ChosenEngine | undefined;
    const createEngine = async () => {
      chosen = await chooseEngine(choice);
      return chosen.engine;
    };
    const parts = await loadIntoEngine(source, createEngine, { onProgress: report, signal });
    await this.#opened?.model.dispose();
    this.#opened = { ...parts, model: new LanguageModel(parts) };
    this.#conversation = undefined;
    this.#observer = undefined;
    const { config, architecture, tokenizer } = parts;
    const { weights, statePerSequence } = this.#opened.model.memory;
    return {
      name: nameOf(source),
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
      chats: tokenizer?.chatTemplate !== undefined,
    };
  }

  async chat(
    { message, fresh, ...sampling }: Request<'chat'>,
    report: Report<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const { model } = this.#expectModel();
    if (fresh) this.#conversation = undefined;
    this.#conversation ??= new Conversation(() => model.session(), model.tokenizer!);
    const conversation = this.#conversation;
    return streamText((options) => conversation.reply(message, options), sampling, report, signal);
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

  #expectModel() {
    if (!this.#opened) throw new Error('no model is loaded');
    return this.#opened;
  }

  #expectObserver(): ModelObserver {
    this.#observer ??= new ModelObserver(this.#expectModel());
    return this.#observer;
  }
}

/** The last part of an address or a Hub name. */
function nameOf(source: string): string {
  return (
    source
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) ?? source
  );
}
