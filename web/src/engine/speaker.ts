/** The model that is loaded: it chats, writes, and lets itself be watched. */
import { Conversation } from '../../../src/generate/conversation.ts';
import { LanguageModel, type LoadProgress } from '../../../src/languageModel.ts';
import { loadIntoEngine } from '../../../src/loadModel.ts';
import { type ChosenEngine, chooseEngine } from './chooseEngine.ts';
import type { Anatomy, Calls, ModelCard, Observation, Ternary, Written } from './protocol.ts';
import { type Opened, Specimen } from './specimen.ts';
import { type Tell, writeDown } from './writeDown.ts';

type Request<M extends keyof Calls> = Calls[M]['request'];

export class Speaker {
  #opened: (Opened & { readonly model: LanguageModel }) | undefined;
  #conversation: Conversation | undefined;
  #specimen: Specimen | undefined;

  async load(
    { source, engine: choice }: Request<'load'>,
    tell: Tell<LoadProgress>,
    signal: AbortSignal,
  ): Promise<ModelCard> {
    let chosen: ChosenEngine | undefined;
    const createEngine = async () => {
      chosen = await chooseEngine(choice);
      return chosen.engine;
    };
    const parts = await loadIntoEngine(source, createEngine, { onProgress: tell, signal });
    await this.#opened?.model.dispose();
    this.#opened = { ...parts, model: new LanguageModel(parts) };
    this.#conversation = undefined;
    this.#specimen = undefined;
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
    tell: Tell<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const { model } = this.#expectModel();
    if (fresh) this.#conversation = undefined;
    this.#conversation ??= new Conversation(() => model.session(), model.tokenizer!);
    const conversation = this.#conversation;
    return writeDown((options) => conversation.reply(message, options), sampling, tell, signal);
  }

  async write(
    { prompt, ...sampling }: Request<'write'>,
    tell: Tell<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const { model } = this.#expectModel();
    return writeDown((options) => model.generate(prompt, options), sampling, tell, signal);
  }

  async anatomy(): Promise<Anatomy> {
    return this.#expectSpecimen().anatomy();
  }

  async ternary({ name, most }: Request<'ternary'>): Promise<Ternary> {
    return this.#expectSpecimen().ternary(name, most);
  }

  async observe(
    request: Request<'observe'>,
    tell: Tell<Observation>,
    signal: AbortSignal,
  ): Promise<undefined> {
    await this.#expectSpecimen().observe(request, tell, signal);
  }

  #expectModel() {
    if (!this.#opened) throw new Error('no model is loaded');
    return this.#opened;
  }

  #expectSpecimen(): Specimen {
    this.#specimen ??= new Specimen(this.#expectModel());
    return this.#specimen;
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
