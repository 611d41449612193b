/** How weights are updated: by one rank, by ranks that synchronise every step, or by ranks that do so every N steps. */
import { bytesOf, type Engine, type Executable, type Read, readFloats } from '../engine/engine.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { PassInputs } from './step.ts';

export interface UpdateResult {
  /** Mean loss in nats of each of this rank's passes, before the update. */
  readonly losses: readonly number[];
  /** Global norm of the gradients, before clipping. */
  readonly gradientNorm: number;
  /** Seconds that this rank waited for the others. */
  readonly waited: number;
}

export interface Update {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly programs: readonly Program[];
  /** Of this rank's passes. */
  readonly inputs: readonly PassInputs[];
  /**
   * One update.
   * @param settings see `settingsVector`
   * @param step counted from 0
   * @param last whether the run ends after it
   */
  run(settings: Float32Array, step: number, last: boolean): Promise<UpdateResult>;
  /**
   * Labels of the whole update, of which this rank's passes have `own`: all passes of all ranks that update together.
   */
  countLabels(own: number): Promise<number>;
  /** Whether all ranks have the same weights after this many steps. */
  inSync(steps: number): boolean;
  /** Called once the weights are initialised, before the first `run`. */
  begin(): Promise<void>;
  /** Tensors that a checkpoint holds besides the weights. */
  saved(): readonly SavedTensor[];
  /** Number of ranks with their own state in a checkpoint. */
  readonly states: number;
  /** Tensors to restore from a checkpoint with this many states. */
  restored(states: number): readonly RestoredTensor[];
}

/** An f32 tensor of a checkpoint. All ranks read it together and in the same order; rank 0 writes it. */
export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<Uint8Array>;
}

export interface RestoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  write(bytes: Uint8Array): void;
}

/** A variable of the engine as a checkpoint holds it. */
export function stored(engine: Engine, tensor: Tensor): SavedTensor & RestoredTensor {
  const { name, shape } = tensor;
  return { name, shape, read: () => engine.read(tensor), write: (bytes) => engine.write(tensor, bytes) };
}

/** Loads programs when they are first run. */
export class LoadedPrograms {
  readonly #engine: Engine;
  readonly #loaded = new Map<Program, Executable>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  run(program: Program, reads: readonly Read[] = [], reached?: (mark: number) => void): Promise<void> {
    const executable = this.#loaded.get(program) ?? this.#engine.load(program);
    this.#loaded.set(program, executable);
    return executable.run(reads, reached);
  }
}

export async function numberOf(engine: Engine, tensor: Tensor): Promise<number> {
  return (await readFloats(engine, tensor))[0]!;
}

export function writeFloats(engine: Engine, tensor: Tensor, values: Float32Array): void {
  engine.write(tensor, bytesOf(values));
}
