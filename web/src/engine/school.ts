/** Training a small model on the reader's text, and writing with it. */
import type { Engine } from '../../../src/engine/engine.ts';
import { InputError } from '../../../src/errors.ts';
import { LanguageModel } from '../../../src/languageModel.ts';
import { architectureOf } from '../../../src/model/architecture.ts';
import { type MatMulFreeConfig, namedConfig } from '../../../src/model/config.ts';
import { initialise } from '../../../src/run/initialise.ts';
import { BatchSampler } from '../../../src/text/batches.ts';
import { TextTokenizer } from '../../../src/text/tokenizer.ts';
import { trainBpe } from '../../../src/text/trainBpe.ts';
import { rateAt } from '../../../src/train/schedule.ts';
import { parseSettings, type TrainingSettings } from '../../../src/train/settings.ts';
import { Trainer } from '../../../src/train/trainer.ts';
import { chooseEngine } from './chooseEngine.ts';
import type { Calls, Lesson, LessonEvent, Written } from './protocol.ts';
import { type Tell, writeDown } from './writeDown.ts';

const sizes = {
  small: { layers: 2, hiddenSize: 128, intermediateSize: 256 },
  medium: { layers: 4, hiddenSize: 192, intermediateSize: 512 },
} as const;

/** Samples and validations during a run. */
const moments = 8;
const minTokens = 1000;
const maxMemory = 2 ** 31;

export class School {
  #pupil: LanguageModel | undefined;

  async learn(lesson: Lesson, tell: Tell<LessonEvent>, signal: AbortSignal): Promise<{ steps: number }> {
    await this.#pupil?.dispose();
    this.#pupil = undefined;
    const tokenizer = await makeTokenizer(lesson.text, tell, signal);
    const tokens = Int32Array.from(tokenizer.encode(lesson.text));
    if (tokens.length < minTokens) {
      throw new InputError(
        `the text has ${tokens.length} tokens, expected at least ${minTokens}: about a page and a half`,
      );
    }
    const { engine, ...chosen } = await chooseEngine(lesson.engine);
    const config = configOf(lesson, tokenizer);
    const settings = settingsFor(lesson, tokens.length);
    const trainer = new Trainer({ engine, limitBytes: maxMemory }, config, settings);
    initialise(engine, trainer.specs, trainer.weights, settings.seed);
    this.#pupil = pupilOf(trainer, tokenizer, engine);
    tell({
      ...{ event: 'begin', tokens: tokens.length, vocabulary: tokenizer.vocabularySize },
      ...{ parameters: trainer.needs.parameters, memory: trainer.needs.totalBytes },
      tokensPerStep: settings.batch * settings.length,
      ...{ engineName: chosen.name, engineNote: chosen.note },
    });
    return { steps: await this.#train(trainer, { tokens, tokenizer, settings, lesson }, tell, signal) };
  }

  async recite(
    { prompt, ...sampling }: Calls['recite']['request'],
    tell: Tell<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const pupil = this.#pupil;
    if (!pupil) throw new InputError('nothing was learned yet');
    return writeDown((options) => pupil.generate(prompt, options), sampling, tell, signal);
  }

  async #train(
    trainer: Trainer,
    { tokens, tokenizer, settings, lesson }: Classroom,
    tell: Tell<LessonEvent>,
    signal: AbortSignal,
  ): Promise<number> {
    const { steps, batch, length, seed } = settings;
    const source = {
      tokenCount: tokens.length,
      vocabularySize: tokenizer.vocabularySize,
      read: async (start: number, out: Int32Array) => out.set(tokens.subarray(start, start + out.length)),
    };
    const sampler = new BatchSampler(source, { batch, length, seed, validation: settings.validation });
    const pauses = new Set(Array.from({ length: moments + 1 }, (_, k) => Math.round((k * steps) / moments)));
    for (let step = 0; ; step++) {
      if (pauses.has(step) || signal.aborted) {
        if (sampler.validationWindows > 0 && !signal.aborted) {
          tell({ event: 'validation', step, loss: await trainer.validate(sampler.validation()) });
        }
        tell({ event: 'sample', step, text: await this.#sample(lesson.prompt, seed) });
      }
      if (step === steps || signal.aborted) return step;
      const began = performance.now();
      const { lossSum, labels } = await trainer.step(
        [await sampler.batch(step)],
        step,
        rateAt(step, settings),
      );
      const tokensPerSecond = (batch * length * 1000) / (performance.now() - began);
      tell({ event: 'step', step: step + 1, loss: lossSum / labels, tokensPerSecond });
    }
  }

  async #sample(prompt: string, seed: number): Promise<string> {
    let text = '';
    const options = { maxTokens: 32, temperature: 0.7, topP: 0.9, seed, stopAtEos: false };
    for await (const piece of this.#pupil!.generate(prompt, options)) text += piece;
    return text;
  }
}

interface Classroom {
  readonly tokens: Int32Array;
  readonly tokenizer: TextTokenizer;
  readonly settings: TrainingSettings;
  readonly lesson: Lesson;
}

async function makeTokenizer(
  text: string,
  tell: Tell<LessonEvent>,
  signal: AbortSignal,
): Promise<TextTokenizer> {
  // Few tokens need few examples each: a short text gets a small vocabulary.
  const vocabularySize = Math.min(2048, Math.max(320, 64 * Math.round(text.length / 6400)));
  const { json, config } = await trainBpe(only(text), {
    ...{ vocabularySize, signal },
    onProgress: (progress) =>
      progress.phase === 'merge' && tell({ event: 'tokenizer', share: progress.vocabulary / vocabularySize }),
  });
  return TextTokenizer.fromJson(json, config);
}

async function* only(text: string): AsyncGenerator<string> {
  yield text;
}

function configOf({ size }: Lesson, tokenizer: TextTokenizer): MatMulFreeConfig {
  return {
    ...namedConfig('tiny', { vocabSize: tokenizer.vocabularySize }),
    ...sizes[size],
    bosTokenId: tokenizer.bosTokenId ?? null,
    eosTokenId: tokenizer.eosTokenId ?? null,
  };
}

/** Short texts are cut into shorter windows, so that there are some to choose from. */
function settingsFor({ steps, size }: Lesson, tokens: number): TrainingSettings {
  const length = tokens < 8000 ? 32 : 128;
  const batch = 512 / length;
  const windows = Math.floor(tokens / (length + 1));
  return parseSettings({
    ...{ steps, batch, length, warmup: Math.min(20, Math.ceil(steps / 5)) },
    learningRate: size === 'small' ? 0.015 : 0.01,
    validation: batch * Math.floor(Math.min(32, windows / 10) / batch),
  });
}

/** The weights as they are at any time, without a copy: it writes with what was learned so far. */
function pupilOf(
  { config, weights }: Trainer,
  tokenizer: TextTokenizer,
  engine: Engine & { readonly usedBytes: number },
): LanguageModel {
  const architecture = architectureOf(config);
  const usedBytes = () => engine.usedBytes;
  return new LanguageModel({ config, architecture, engine, weights, tokenizer, fingerprint: 0, usedBytes });
}
