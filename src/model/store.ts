/** Receives a checkpoint's parameters and places them in an engine. */
import type { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import type { DType } from '../program/tensor.ts';
import type { ParameterSpec } from './parameters.ts';
import { type WeightMode, Weights } from './weights.ts';

/** Parameters in the CPU engine's memory: files are read straight into it. */
export class CpuParameterStore {
  readonly #engine: CpuEngine;
  readonly #specs: readonly ParameterSpec[];
  readonly #mode: WeightMode;
  readonly #dtypes = new Map<string, DType>();
  #weights: Weights | undefined;

  constructor(engine: CpuEngine, specs: readonly ParameterSpec[], mode: WeightMode) {
    this.#engine = engine;
    this.#specs = specs;
    this.#mode = mode;
  }

  prepare(name: string, dtype: DType): void {
    this.#dtypes.set(name, dtype);
  }

  bytes(name: string): Uint8Array {
    return this.#engine.view(this.weights().get(name));
  }

  /** The parameters, once all are announced. */
  weights(): Weights {
    if (!this.#weights) {
      this.#weights = new Weights(this.#specs, this.#mode, this.#dtypes);
      for (const tensor of this.#weights.all()) this.#engine.allocate(tensor);
    }
    return this.#weights;
  }
}
