/** Trains a small model on the reader's text, and generates with it. */
import { packedFiles } from '../../../src/checkpoint/packedFiles.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { InputError } from '../../../src/errors.ts';
import type { GenerateOptions } from '../../../src/generate/generate.ts';
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
import type { Calls, ExportedModel, TrainingEvent, TrainingRequest, Written } from './protocol.ts';
import { type Report, streamText } from './streamText.ts';

const sizes = {
  small: { layers: 2, hiddenSize: 128, intermediateSize: 256 },
  medium: { layers: 4, hiddenSize: 192, intermediateSize: 512 },
} as const;

/** Number of samples and validations during a run. */
const moments = 8;
const minTokens = 1000;
const maxMemory = 2 ** 31;

export class TextTraining {
  #model: LanguageModel | undefined;
  #run: Run | undefined;

  async train(
    request: TrainingRequest,
    report: Report<TrainingEvent>,
    signal: AbortSignal,
  ): Promise<{ steps: number }> {
    await this.#model?.dispose();
    this.#model = this.#run = undefined;
    const tokenizer = await makeTokenizer(request.text, report, signal);
    const tokens = Int32Array.from(tokenizer.encode(request.text));
    if (tokens.length < minTokens) {
      throw new InputError(
        `the text has ${tokens.length} tokens, expected at least ${minTokens}: about a page and a half`,
      );
    }
    const { engine, ...chosen } = await chooseEngine(request.engine);
    const config = configOf(request, tokenizer);
    const settings = settingsFor(request, tokens.length);
    const trainer = new Trainer({ engine, limitBytes: maxMemory }, config, settings);
    initialise(engine, trainer.specs, trainer.weights, settings.seed);
    this.#model = modelOf(trainer, tokenizer, engine);
    report({
      ...{ event: 'begin', tokens: tokens.length, vocabulary: tokenizer.vocabularySize },
      ...{ parameters: trainer.needs.parameters, memory: trainer.needs.totalBytes },
      ...{ tokensPerStep: settings.batch * settings.length, steps: settings.steps },
      ...{ engineName: chosen.name, engineNote: chosen.note },
    });
    this.#run = { trainer, tokens, tokenizer, config, settings, request, step: 0 };
    return this.resume(report, signal);
  }

  async resume(report: Report<TrainingEvent>, signal: AbortSignal): Promise<{ steps: number }> {
    await this.#train(this.#expectRun(), report, signal);
    return { steps: this.#expectRun().step };
  }

  async exported(): Promise<ExportedModel> {
    const { trainer, tokenizer, config, step } = this.#expectRun();
    const files = await packedFiles(config, tokenizer, async (name) => {
      const bytes = await trainer.engine.read(trainer.weights.get(name));
      return new Float32Array(bytes.slice().buffer);
    });
    return { steps: step, parameters: trainer.needs.parameters, files };
  }

  #expectRun(): Run {
    if (!this.#run) throw new InputError('nothing was trained yet');
    return this.#run;
  }

  async writeTrained(
    { prompt, ...sampling }: Calls['writeTrained']['request'],
    report: Report<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const model = this.#model;
    if (!model) throw new InputError('nothing was trained yet');
    // No text of the training ends, so the end token is never learned: drawing it means nothing.
    const generate = (options: GenerateOptions) => model.generate(prompt, { ...options, stopAtEos: false });
    return streamText(generate, sampling, report, signal);
  }

  /** From the step that the run has reached, to its last one or until it is stopped. */
  async #train(run: Run, report: Report<TrainingEvent>, signal: AbortSignal): Promise<void> {
    const { trainer, tokens, tokenizer, settings, request } = run;
    const { steps, batch, length, seed } = settings;
    const source = {
      tokenCount: tokens.length,
      vocabularySize: tokenizer.vocabularySize,
      read: async (start: number, out: Int32Array) => out.set(tokens.subarray(start, start + out.length)),
    };
    const sampler = new BatchSampler(source, { batch, length, seed, validation: settings.validation });
    const pauses = new Set(Array.from({ length: moments + 1 }, (_, k) => Math.round((k * steps) / moments)));
    for (; ; run.step++) {
      const { step } = run;
      if (pauses.has(step) || signal.aborted) {
        if (sampler.validationWindows > 0 && !signal.aborted) {
          report({ event: 'validation', step, loss: await trainer.validate(sampler.validation()) });
        }
        report({ event: 'sample', step, text: await this.#sample(request.prompt, seed) });
      }
      if (step === steps || signal.aborted) return;
      const began = performance.now();
      const { lossSum, labels } = await trainer.step(
        [await sampler.batch(step)],
        step,
        rateAt(step, settings),
      );
      const tokensPerSecond = (batch * length * 1000) / (performance.now() - began);
      report({ event: 'step', step: step + 1, loss: lossSum / labels, tokensPerSecond });
    }
  }

  async #sample(prompt: string, seed: number): Promise<string> {
    let text = '';
    const options = { maxTokens: 32, temperature: 0.7, topP: 0.9, seed, stopAtEos: false };
    for await (const piece of this.#model!.generate(prompt, options)) text += piece;
    return text;
  }
}

/** A training, which may have been stopped. */
interface Run {
  readonly trainer: Trainer;
  readonly tokens: Int32Array;
  readonly tokenizer: TextTokenizer;
  readonly config: MatMulFreeConfig;
  readonly settings: TrainingSettings;
  readonly request: TrainingRequest;
  /** Updates that are done. */
  step: number;
}

async function makeTokenizer(
  text: string,
  report: Report<TrainingEvent>,
  signal: AbortSignal,
): Promise<TextTokenizer> {
  // A vocabulary needs many tokens of text for each entry: a short text gets a small vocabulary.
  const vocabularySize = Math.min(2048, Math.max(320, 64 * Math.round(text.length / 6400)));
  const { json, config } = await trainBpe(only(text), {
    ...{ vocabularySize, signal },
    onProgress: (progress) =>
      progress.phase === 'merge' &&
      report({ event: 'tokenizer', share: progress.vocabulary / vocabularySize }),
  });
  return TextTokenizer.fromJson(json, config);
}

async function* only(text: string): AsyncGenerator<string> {
  yield text;
}

function configOf({ size }: TrainingRequest, tokenizer: TextTokenizer): MatMulFreeConfig {
  return {
    ...namedConfig('tiny', { vocabSize: tokenizer.vocabularySize }),
    ...sizes[size],
    bosTokenId: tokenizer.bosTokenId ?? null,
    eosTokenId: tokenizer.eosTokenId ?? null,
  };
}

/** Short texts are split into shorter windows, so that there are enough to choose from. */
function settingsFor({ steps, size }: TrainingRequest, tokens: number): TrainingSettings {
  const length = tokens < 8000 ? 32 : 128;
  const batch = 512 / length;
  const windows = Math.floor(tokens / (length + 1));
  return parseSettings({
    ...{ steps, batch, length, warmup: Math.min(20, Math.ceil(steps / 5)) },
    learningRate: size === 'small' ? 0.015 : 0.01,
    validation: batch * Math.floor(Math.min(32, windows / 10) / batch),
  });
}

/** A model that shares the trainer's weights, without a copy: it generates with the weights of the moment. */
function modelOf(
  { config, weights }: Trainer,
  tokenizer: TextTokenizer,
  engine: Engine & { readonly usedBytes: number },
): LanguageModel {
  const architecture = architectureOf(config);
  const usedBytes = () => engine.usedBytes;
  return new LanguageModel({ config, architecture, engine, weights, tokenizer, fingerprint: 0, usedBytes });
}
