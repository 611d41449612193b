/** Receives a checkpoint's parameters and places them in an engine. */
import type { ParameterStore } from '../checkpoint/parameterStore.ts';
import type { Engine } from '../engine/engine.ts';
import type { Storage } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';

/** Leading bytes of each parameter that are kept: enough to distinguish models. */
const beginningBytes = 4096;

/**
 * Reads files directly into memory that the host shares with the engine, or else one parameter at a time through the
 * host's own memory.
 */
export class EngineParameterStore implements ParameterStore {
  readonly #engine: Engine;
  readonly #createWeights: (stored: ReadonlyMap<string, Storage>) => Weights;
  readonly #stored = new Map<string, Storage>();
  /** Parameters that are being read, if the host cannot access the engine's memory. */
  readonly #pending = new Map<string, Uint8Array>();
  readonly #beginnings = new Map<string, Uint8Array>();
  #weights: Weights | undefined;

  /** @param createWeights receives the element types of the checkpoint's parameters in memory */
  constructor(engine: Engine, createWeights: (stored: ReadonlyMap<string, Storage>) => Weights) {
    this.#engine = engine;
    this.#createWeights = createWeights;
  }

  prepare(name: string, storage: Storage): void {
    this.#stored.set(name, storage);
  }

  bytes(name: string): Uint8Array {
    const tensor = this.weights().get(name);
    if (this.#engine.view) return this.#engine.view(tensor);
    const bytes = this.#pending.get(name) ?? new Uint8Array(tensor.bytes);
    this.#pending.set(name, bytes);
    return bytes;
  }

  write(name: string, bytes: Uint8Array, start: number): void {
    const tensor = this.weights().get(name);
    const { view } = this.#engine;
    if (view) view.call(this.#engine, tensor).set(bytes, start);
    else this.#engine.write(tensor, bytes, start);
    if (start === 0) this.#beginnings.set(name, bytes.slice(0, beginningBytes));
  }

  written(name: string): void {
    if (this.#beginnings.has(name)) return;
    const bytes = this.bytes(name);
    this.#beginnings.set(name, bytes.slice(0, beginningBytes));
    if (!this.#pending.delete(name)) return;
    this.#engine.write(this.weights().get(name), bytes);
  }

  /** The first bytes of a parameter that was written, at most 4096. */
  beginning(name: string): Uint8Array {
    const found = this.#beginnings.get(name);
    if (!found) throw new Error(`parameter ${name} was not written`);
    return found;
  }

  /** The parameters. Call it after the last `prepare`. */
  weights(): Weights {
    if (!this.#weights) {
      this.#weights = this.#createWeights(this.#stored);
      for (const tensor of this.#weights.all()) this.#engine.allocate(tensor);
    }
    return this.#weights;
  }
}
