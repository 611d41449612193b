/** Chooses how a model is run, by how it remembers a sequence. No other module makes this choice. */
import type { Architecture } from '../model/architecture.ts';
import { BatchedSlots } from './batchedSlots.ts';
import { CachedReader } from './cachedReader.ts';
import { ForkedScorer } from './forkedScorer.ts';
import type { RunnableModel } from './model.ts';
import { PaddedScorer } from './paddedScorer.ts';
import { PagedSlots, poolBytes } from './pagedSlots.ts';
import { RecurrentReader } from './recurrentReader.ts';
import type { Scorer } from './scoring.ts';
import type { SequenceReader } from './sequenceReader.ts';
import type { BatchSizes, SlotModel } from './slotModel.ts';

/** Returns the reader of single sequences: from state to state, or with a cache of keys and values. */
export function sequenceReader(model: RunnableModel): SequenceReader {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return new RecurrentReader({ ...model, architecture });
    case 'cache':
      return new CachedReader({ ...model, architecture });
  }
}

/** Returns what advances many sequences in one program: with their states, or with pages of keys and values. */
export function slotModel(model: RunnableModel, sizes: BatchSizes): SlotModel {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return new BatchedSlots({ ...model, architecture }, sizes);
    case 'cache':
      return new PagedSlots({ ...model, architecture }, sizes);
  }
}

/** Bytes that a slot model keeps on the engine for the states of its sequences. */
export function slotBytes(architecture: Architecture, sizes: BatchSizes): number {
  switch (architecture.memory) {
    case 'states':
      return architecture.states(sizes.slots + 1).reduce((sum, { bytes }) => sum + bytes, 0);
    case 'cache':
      return poolBytes(architecture, sizes);
  }
}

/** Returns the scorer: it continues from copies of the state after a context, or reads each text as a whole. */
export function scorerOf(model: RunnableModel): Scorer {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return new ForkedScorer({ ...model, architecture });
    case 'cache':
      return new PaddedScorer({ ...model, architecture });
  }
}
