/** Compares the memory that a model needs with what there is, before its weights are read. */
import { type Engine, OutOfMemoryError } from '../engine/engine.ts';
import { formatBytes } from '../format.ts';
import type { Architecture } from '../model/architecture.ts';
import { memoryNeeds } from './memory.ts';
import type { RecordedModel } from './model.ts';

/** Bytes. */
export interface MemoryRoom {
  /** Weights, the temporaries of a step, and the state of a first sequence or of the server's slots. */
  readonly needed: number;
  /** The least of what engine and machine have; undefined where neither says. */
  readonly available: number | undefined;
}

/** Bytes that a model needs for a short first sequence. */
export function firstRoom(model: RecordedModel): number {
  const { weights, temporaries } = memoryNeeds(model);
  return weights + temporaries + statesOfFirst(model.architecture);
}

/**
 * @param states bytes of the states of all sequences; default: those of a short first sequence
 * @throws OutOfMemoryError if the model needs more than there is
 */
export function expectRoom(
  model: RecordedModel,
  engine: Pick<Engine, 'longestStep' | 'memoryBounds' | 'usedBytes'>,
  states = statesOfFirst(model.architecture),
): MemoryRoom {
  const { weights, temporaries } = memoryNeeds(model, engine.longestStep);
  const needed = weights + temporaries + states;
  const bounds = engine.memoryBounds?.() ?? [];
  const available = Math.min(...bounds.map(({ bytes }) => bytes));
  const tight = bounds.find(({ bytes }) => bytes === available);
  if (tight && needed > available) {
    throw new OutOfMemoryError(
      `the model needs ${formatBytes(needed)} of memory (weights ${formatBytes(weights)}, temporaries ` +
        `${formatBytes(temporaries)}, states ${formatBytes(states)}); found ${formatBytes(Math.max(available, 0))}, ` +
        `${tight.what}; ${tight.remedy}`,
      { needed, available },
    );
  }
  return { needed, available: tight && available };
}

function statesOfFirst(architecture: Architecture): number {
  const tensors = architecture.memory === 'states' ? architecture.states(1) : architecture.pools(1);
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}
