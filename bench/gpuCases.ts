/** The cases of the GPU benchmark, with random weights that are made in memory. */
import { bytesOf, type Engine, type Executable, type KernelTime } from '../src/engine/engine.ts';
import { WebGpuEngine } from '../src/engine/webgpu/webgpuEngine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import type { MatMulFreeConfig, ModelConfig } from '../src/model/config.ts';
import { type WeightMode, Weights } from '../src/model/weights.ts';
import { settingsVector } from '../src/ops/adamw/adamw.ts';
import type { SampleSettings } from '../src/ops/sample/sample.ts';
import { elementCount } from '../src/program/tensor.ts';
import { DeviceSampler } from '../src/run/deviceSampler.ts';
import { RandomWeights } from '../src/run/randomWeights.ts';
import { slotModel } from '../src/run/readers.ts';
import { writeSequence } from '../src/run/sequencePages.ts';
import type { SlotModel } from '../src/run/slotModel.ts';
import { recordStep, stepMemory } from '../src/run/steps.ts';
import { Turns } from '../src/run/turns.ts';
import { recordTrainingStep, type StepShape } from '../src/train/step.ts';
import { median } from './statistics.ts';

export interface ShaderTime {
  readonly shader: string;
  readonly dispatches: number;
  readonly milliseconds: number;
}

export interface Measurement {
  /** Median time of one run as the host measures it: encoding, running, and reading the result. */
  readonly milliseconds: number;
  /** The device's own time in shaders, longest first; each ran in its own pass. */
  readonly shaders: readonly ShaderTime[];
  /** GPU memory in use: weights, inputs and temporaries. */
  readonly bytes: number;
}

/** Logits of the last of `length` tokens, from a new state. */
export class InferenceCase {
  readonly #engine: Engine;
  readonly #config: ModelConfig;
  readonly #weights: Weights;

  constructor(engine: Engine, config: ModelConfig) {
    this.#engine = engine;
    this.#config = config;
    // The embedding in 16 bits, as checkpoints are loaded.
    const halves = new Map([['model.embeddings.weight', 'bf16']] as const);
    this.#weights = new Weights(architectureOf(config).parameters(), 'inference', halves);
    new RandomWeights().fill(engine, this.#weights);
  }

  load(length: number) {
    const architecture = architectureOf(this.#config);
    const model = { architecture, weights: this.#weights };
    const memory = stepMemory(architecture, length);
    const { program, ids, logits } = recordStep(model, memory, length, 'last');
    if (memory.kind === 'pages') writeSequence(this.#engine, memory.pages, 0);
    const executable = this.#engine.load(program);
    this.#engine.write(ids, bytesOf(tokens(length, this.#config.vocabSize)));
    const target = new Float32Array(this.#config.vocabSize);
    return {
      executable,
      /** The logits, until the next step. */
      step: async () => {
        await executable.run([{ tensor: logits!, target: bytesOf(target) }]);
        return target;
      },
    };
  }
}

/** Tokens that the device samples by itself and reads as the next ones, as `generate` does. */
export class SampledCase {
  readonly executable: Executable;
  readonly tokens: number;
  readonly #sampled: DeviceSampler;

  constructor(engine: Engine, config: MatMulFreeConfig) {
    const architecture = architectureOf(config);
    const halves = new Map([['model.embeddings.weight', 'bf16']] as const);
    const weights = new Weights(architecture.parameters(), 'inference', halves);
    new RandomWeights().fill(engine, weights);
    this.#sampled = new DeviceSampler({ engine, architecture, weights, vocabulary: config.vocabSize });
    this.executable = this.#sampled.executable;
    this.tokens = engine.samplesAhead;
    const state = new Float32Array(architecture.states(1).reduce((sum, tensor) => sum + tensor.size, 0));
    const settings = { temperature: 0.8, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
    this.#sampled.begin({ state, lastToken: 1, history: [], settings });
  }

  step(): Promise<Int32Array> {
    return this.#sampled.next(Array.from({ length: this.tokens }, (_, i) => (i * 0.618) % 1));
  }
}

/** What a step of many sequences returns of each: nothing, its logits, or a token drawn with these settings. */
export type SlotsWanted = 'none' | 'last' | SampleSettings;

/** Many sequences that advance by a token each, as the server's do: the token that was drawn, or always the same. */
export class SlotsCase {
  readonly #slots: SlotModel;
  readonly #wanted: SlotsWanted;
  readonly #last: number[];
  #executable: Executable | undefined;
  #steps = 0;

  constructor(engine: Engine, config: ModelConfig, sequences: number, wanted: SlotsWanted) {
    const architecture = architectureOf(config);
    const halves = new Map([['model.embeddings.weight', 'bf16']] as const);
    const weights = new Weights(architecture.parameters(), 'inference', halves);
    new RandomWeights().fill(engine, weights);
    const model = { engine, architecture, weights, vocabulary: config.vocabSize, turns: new Turns() };
    this.#slots = slotModel(model, { slots: sequences, maxTokens: sequences });
    this.#wanted = wanted;
    this.#last = [...tokens(sequences, config.vocabSize)];
    const load = engine.load.bind(engine);
    engine.load = (program) => {
      this.#executable = load(program);
      return this.#executable;
    };
  }

  /** The program of a step, once there was one. */
  get executable(): Executable {
    if (!this.#executable) throw new Error('expected a step before its program is asked for');
    return this.#executable;
  }

  async step(): Promise<readonly number[]> {
    const settings = this.#wanted;
    this.#steps += 1;
    const results = await this.#slots.step(
      this.#last.map((token, slot) => {
        const uniform = (0.618 * (slot + this.#steps)) % 1;
        const wanted = typeof settings === 'string' ? settings : { settings, uniform, history: [] };
        return { slot, tokens: [token], wanted };
      }),
    );
    for (const [slot, { token }] of results.entries()) this.#last[slot] = token ?? this.#last[slot]!;
    return this.#last;
  }
}

/** AdamW steps on one batch; its loss must fall. */
export class TrainingCase {
  readonly parameters: number;
  readonly executable;
  readonly #engine: Engine;
  readonly #step;
  #count = 0;

  constructor(engine: Engine, config: ModelConfig, shape: StepShape, mode: WeightMode = 'training') {
    const architecture = architectureOf(config);
    const specs = architecture.parameters();
    const weights = new Weights(specs, mode);
    this.parameters = specs.reduce((sum, spec) => sum + elementCount(spec.shape), 0);
    this.#engine = engine;
    this.#step = recordTrainingStep(architecture, weights, shape, () => 0.1);
    // Planned first: a case that does not fit is refused before time is spent on weights.
    this.executable = engine.load(this.#step.program);
    new RandomWeights().fill(engine, weights);
    const ids = tokens(shape.batch * shape.length, config.vocabSize);
    for (const { ids: idTensor, labels } of this.#step.inputs) {
      engine.write(idTensor, bytesOf(ids));
      engine.write(labels, bytesOf(ids.map((id) => (id + 7919) % config.vocabSize)));
    }
  }

  /** Loss before the update, and the gradients' norm. */
  async step(): Promise<{ loss: number; norm: number }> {
    this.#count++;
    const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    const settings = settingsVector({ ...rates, step: this.#count, maxNorm: 1 });
    this.#engine.write(this.#step.settings, bytesOf(settings));
    const [loss, clip] = [new Float32Array(1), new Float32Array(2)];
    await this.executable.run([
      { tensor: this.#step.losses[0]!, target: bytesOf(loss) },
      { tensor: this.#step.clip, target: bytesOf(clip) },
    ]);
    return { loss: loss[0]!, norm: clip[0]! };
  }
}

function tokens(length: number, vocabulary: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => (i * 7919 + 13) % vocabulary);
}

/** Seconds for each step; the first two runs warm up. */
export async function measure(
  engine: Engine,
  executable: Executable,
  rounds: number,
  step: () => Promise<unknown>,
): Promise<Measurement> {
  const times: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const start = performance.now();
    await step();
    if (round >= 0) times.push(performance.now() - start);
  }
  const measuresTime = !(engine instanceof WebGpuEngine) || engine.features.timestamps;
  const shaders = measuresTime ? byShader(await executable.profile!()) : [];
  return { milliseconds: median(times), shaders, bytes: engine.usedBytes };
}

function byShader(times: readonly KernelTime[]): ShaderTime[] {
  const sums = new Map<string, ShaderTime>();
  for (const { kernel, milliseconds } of times) {
    const sum = sums.get(kernel) ?? { shader: kernel, dispatches: 0, milliseconds: 0 };
    const dispatches = sum.dispatches + 1;
    sums.set(kernel, { shader: kernel, dispatches, milliseconds: sum.milliseconds + milliseconds });
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
