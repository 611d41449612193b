/**
 * Observes a model while it reads. A recorded program is a plain list of calls, so observing needs no change of the model:
 * the gates and states are declared as outputs of the program, and read after each run.
 */
import { bytesOf, type Executable, readFloats } from '../../../src/engine/engine.ts';
import { sample } from '../../../src/generate/sampling.ts';
import type { ModelParts } from '../../../src/languageModel.ts';
import { scaleName } from '../../../src/model/parameters.ts';
import { sigmoid } from '../../../src/ops/activations.ts';
import { unpackCodes } from '../../../src/ops/bitLinear/packed.ts';
import { mlgruOp } from '../../../src/ops/mlgru/mlgru.ts';
import { type CallOf, callOfOp } from '../../../src/program/op.ts';
import type { Tensor } from '../../../src/program/tensor.ts';
import { auditModel, auditProgram } from '../../../src/run/audit.ts';
import { recordStep, stepMemory, tensorsOf } from '../../../src/run/steps.ts';
import { SeededRandom } from '../../../src/text/seededRandom.ts';
import { likeliest } from './likeliest.ts';
import type { Anatomy, Observation, Ternary } from './protocol.ts';
import type { Report } from './streamText.ts';

export type Opened = ModelParts;

const shownCandidates = 5;

export class ModelObserver {
  readonly #parts: ModelParts;
  readonly #states: readonly Tensor[];
  readonly #recorded: ReturnType<typeof recordStep>;
  /** One for each layer. */
  readonly #mixers: readonly CallOf<typeof mlgruOp>[];
  #executable: Executable | undefined;

  constructor(parts: ModelParts) {
    this.#parts = parts;
    const memory = stepMemory(parts.architecture, 1);
    this.#states = tensorsOf(memory);
    this.#recorded = recordStep(parts, memory, 1, 'last');
    const { program } = this.#recorded;
    this.#mixers = program.calls.flatMap((call) => callOfOp(call, mlgruOp) ?? []);
    for (const { inputs, outputs } of this.#mixers) {
      program.outputs.add(inputs.f); // the forget gate before its activation
      program.outputs.add(outputs.h);
      if (inputs.bounds) program.outputs.add(inputs.bounds);
    }
  }

  anatomy(): Anatomy {
    const { config, architecture } = this.#parts;
    const { layers, hiddenSize: width } = config;
    return {
      ...auditProgram(this.#recorded.program),
      transformer: auditModel(config).transformer,
      layers,
      width,
      stateBytes: this.#states.reduce((sum, { bytes }) => sum + bytes, 0),
      cacheBytesPerToken: layers * 2 * width * 2, // keys and values as 16-bit floats
      matrices: architecture
        .parameters()
        .filter(({ role }) => role === 'ternary')
        .map(({ name }) => name),
      gated: this.#mixers.length > 0,
    };
  }

  async ternary(name: string, max: number): Promise<Ternary> {
    const { engine, weights } = this.#parts;
    const tensor = weights.get(name);
    const [rows, columns] = tensor.shape as readonly [number, number];
    const codes = unpackCodes(await engine.read(tensor), [rows, columns]);
    const counts = [0, 0, 0];
    for (const code of codes) counts[code + 1]!++;
    const [shownRows, shownColumns] = [Math.min(rows, max), Math.min(columns, max)];
    const shown = new Int8Array(shownRows * shownColumns);
    for (let row = 0; row < shownRows; row++) {
      for (let column = 0; column < shownColumns; column++) {
        shown[row * shownColumns + column] = codes[row * columns + column]!;
      }
    }
    const [minus, zero, plus] = counts.map((count) => count / codes.length) as [number, number, number];
    const scale = (await readFloats(engine, weights.get(scaleName(name))))[0]!;
    return { rows, columns, codes: shown, shownRows, shownColumns, share: { minus, zero, plus }, scale };
  }

  async observe(
    { prompt, tokens, pace }: { prompt: string; tokens: number; pace: number },
    report: Report<Observation>,
    signal: AbortSignal,
  ): Promise<void> {
    const tokenizer = this.#parts.tokenizer!;
    const waiting = tokenizer.encode(prompt);
    const random = new SeededRandom(crypto.getRandomValues(new Uint32Array(1))[0]!);
    const options = { temperature: 0.8, topP: 0.95 };
    const text = tokenizer.stream();
    const seen: number[] = [];
    for (const tensor of this.#states) this.#parts.engine.write(tensor, new Uint8Array(tensor.bytes));
    for (let count = 0; count < tokens && !signal.aborted; count++) {
      const began = performance.now();
      const id = waiting.shift();
      if (id === undefined) return;
      const { logits, gates, state } = await this.#step(id);
      seen.push(id);
      const next = likeliest(logits, tokenizer, shownCandidates);
      report({ id, text: text.push(id), gates, state, next });
      if (waiting.length === 0) waiting.push(sample(logits, options as never, random, seen));
      await pause(pace - (performance.now() - began), signal);
    }
  }

  async #step(id: number) {
    const { engine } = this.#parts;
    const { program, ids, logits } = this.#recorded;
    this.#executable ??= engine.load(program);
    engine.write(ids, bytesOf(Int32Array.of(id)));
    await this.#executable.run();
    const width = this.#states[0]!.size;
    const gates = new Float32Array(this.#mixers.length * width);
    const state = new Float32Array(gates.length);
    for (const [layer, { inputs, outputs }] of this.#mixers.entries()) {
      const part = [layer * width, (layer + 1) * width] as const;
      await readFloats(engine, outputs.h, state.subarray(...part));
      const raw = await readFloats(engine, inputs.f);
      const bounds = inputs.bounds && (await readFloats(engine, inputs.bounds));
      for (let c = 0; c < width; c++) {
        const bound = bounds?.[layer * width + c] ?? 0;
        gates[part[0] + c] = bound + (1 - bound) * sigmoid(raw[c]!);
      }
    }
    return { logits: await readFloats(engine, logits!), gates, state };
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, milliseconds));
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
