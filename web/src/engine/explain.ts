/**
 * One row of one layer at one token, with the numbers that the engine computed: what the guided tour shows. The values
 * between the steps are declared as outputs of the recorded program, so the model itself is unchanged.
 */
import { bytesOf, type Executable, readFloats } from '../../../src/engine/engine.ts';
import { InputError } from '../../../src/errors.ts';
import type { ModelParts } from '../../../src/languageModel.ts';
import { sigmoid, silu } from '../../../src/ops/activations.ts';
import { bitLinearOp } from '../../../src/ops/bitLinear/bitLinear.ts';
import { unpackCodes } from '../../../src/ops/bitLinear/packed.ts';
import { quantiseActivationsReference } from '../../../src/ops/bitLinear/reference.ts';
import { embeddingOp } from '../../../src/ops/embedding/embedding.ts';
import { gatedNormOp } from '../../../src/ops/gatedNorm/gatedNorm.ts';
import { mlgruOp } from '../../../src/ops/mlgru/mlgru.ts';
import { type CallOf, callOfOp } from '../../../src/program/op.ts';
import type { Tensor } from '../../../src/program/tensor.ts';
import { recordStep, stepMemory } from '../../../src/run/steps.ts';
import { likeliest } from './likeliest.ts';
import type { Explanation } from './protocol.ts';

/** The calls of a layer that the tour visits. */
interface Stops {
  readonly mixer: CallOf<typeof mlgruOp>;
  /** Computes the forget gate before its activation. */
  readonly forget: CallOf<typeof bitLinearOp>;
  readonly unit: CallOf<typeof gatedNormOp>;
}

const shownCandidates = 8;
/** The tour is about a sentence, and reads each sentence that the reader enters from its beginning. */
const maxTokens = 64;

export class Explainer {
  readonly #parts: ModelParts;
  readonly #states: readonly Tensor[];
  readonly #recorded: ReturnType<typeof recordStep>;
  readonly #embedded: Tensor;
  readonly #layers: readonly Stops[];
  #executable: Executable | undefined;
  /** What was read last; other rows of it need no reading. */
  #read:
    | { readonly text: string; readonly ids: readonly number[]; readonly before: Float32Array }
    | undefined;

  /** @throws InputError for a model without the units that the tour explains */
  constructor(parts: ModelParts) {
    this.#parts = parts;
    const memory = stepMemory(parts.architecture, 1);
    this.#states = memory.kind === 'states' ? memory.states : [];
    this.#recorded = recordStep(parts, memory, 1, 'last');
    const { program } = this.#recorded;
    const calls = <O>(find: (call: (typeof program.calls)[number]) => O | undefined) =>
      program.calls.flatMap((call) => find(call) ?? []);
    const products = calls((call) => callOfOp(call, bitLinearOp));
    const units = calls((call) => callOfOp(call, gatedNormOp));
    this.#layers = calls((call) => callOfOp(call, mlgruOp)).flatMap((mixer) => {
      const forget = products.find(({ outputs }) => outputs.y === mixer.inputs.f);
      const unit = units.find(({ inputs }) => inputs.h === mixer.outputs.h);
      return forget && unit ? [{ mixer, forget, unit }] : [];
    });
    const [embedded] = calls((call) => callOfOp(call, embeddingOp));
    if (this.#layers.length === 0 || !embedded || !parts.tokenizer) {
      throw new InputError('The tour explains MatMul-free models, of the released form, with a tokenizer');
    }
    this.#embedded = embedded.outputs.y;
    for (const tensor of this.#shown()) program.outputs.add(tensor);
  }

  #shown(): Tensor[] {
    const ofLayers = this.#layers.flatMap(({ mixer, forget, unit }) => [
      ...[forget.inputs.x, mixer.inputs.i, mixer.inputs.f, mixer.outputs.h, unit.outputs.y],
      ...(mixer.inputs.bounds ? [mixer.inputs.bounds] : []),
    ]);
    return [this.#embedded, ...ofLayers];
  }

  /** @param place layer and row count from 0, and the nearest that exists is taken */
  async explain(text: string, place: { readonly layer: number; readonly row: number }): Promise<Explanation> {
    const { engine, config, tokenizer } = this.#parts;
    const { ids, before } = await this.#readUpTo(text);
    const width = config.hiddenSize;
    const layer = Math.min(Math.max(0, place.layer), this.#layers.length - 1);
    const row = Math.min(Math.max(0, place.row), width - 1);
    const { mixer, forget, unit } = this.#layers[layer]!;
    const { x, norm, codes, scale } = forget.inputs;
    const numbers = (tensor: Tensor) => readFloats(engine, tensor);
    const input = await numbers(x);
    const { q, step } = quantiseActivationsReference(
      Float64Array.from(input),
      Float64Array.from(await numbers(norm)),
    );
    const matrix = unpackCodes(await engine.read(codes), codes.shape);
    const bounds = mixer.inputs.bounds && (await numbers(mixer.inputs.bounds));
    const bound = bounds?.[layer * width + row] ?? 0;
    const forgetInput = (await numbers(mixer.inputs.f))[row]!;
    const logits = await numbers(this.#recorded.logits!);
    return {
      tokens: ids.map((id) => ({ id, text: tokenizer!.decode([id], { skipSpecialTokens: false }) })),
      ...{ layer, row, layers: this.#layers.length, width },
      embedding: await numbers(this.#embedded),
      input,
      integers: Int8Array.from(q),
      step: step[0]!,
      codes: Int8Array.from(matrix.subarray(row * width, (row + 1) * width)),
      scale: (await numbers(scale))[0]!,
      ...{ forgetInput, bound, keep: bound + (1 - bound) * sigmoid(forgetInput) },
      candidate: silu((await numbers(mixer.inputs.i))[row]!),
      before: before[layer * width + row]!,
      after: (await numbers(mixer.outputs.h))[row]!,
      unit: (await numbers(unit.outputs.y))[row]!,
      next: likeliest(logits, tokenizer!, shownCandidates),
    };
  }

  /** Reads the text from an empty state; the values of its last token stay in the engine. */
  async #readUpTo(text: string) {
    if (this.#read?.text === text) return this.#read;
    const { engine, tokenizer, config } = this.#parts;
    const ids = tokenizer!.encode(text).slice(0, maxTokens);
    if (ids.length === 0) throw new InputError('The sentence is empty: expected at least one character');
    this.#read = undefined;
    this.#executable ??= engine.load(this.#recorded.program);
    for (const tensor of this.#states) engine.write(tensor, new Uint8Array(tensor.bytes));
    const before = new Float32Array(this.#layers.length * config.hiddenSize);
    for (const [at, id] of ids.entries()) {
      if (at === ids.length - 1) await this.#copyStates(before);
      engine.write(this.#recorded.ids, bytesOf(Int32Array.of(id)));
      await this.#executable.run();
    }
    this.#read = { text, ids, before };
    return this.#read;
  }

  async #copyStates(to: Float32Array): Promise<void> {
    const width = this.#parts.config.hiddenSize;
    for (const [layer, state] of this.#states.entries()) {
      await readFloats(this.#parts.engine, state, to.subarray(layer * width, (layer + 1) * width));
    }
  }
}
