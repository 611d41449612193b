import type { Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import type { Turns } from './turns.ts';

/** The parts of a model that programs are recorded from. */
export interface RecordedModel<A extends Architecture = Architecture> {
  readonly architecture: A;
  readonly weights: Weights;
}

/** A model in the memory of an engine. */
export interface RunnableModel<A extends Architecture = Architecture> extends RecordedModel<A> {
  readonly engine: Engine;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Shared by everything that runs on the engine. */
  readonly turns: Turns;
}
