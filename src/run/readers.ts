/** Which way of running suits a model: chosen here, and nowhere else. */
import { BatchedSlots } from './batchedSlots.ts';
import { CachedReader } from './cachedReader.ts';
import { ForkedScorer } from './forkedScorer.ts';
import type { RunnableModel } from './model.ts';
import { PaddedScorer } from './paddedScorer.ts';
import { RecurrentReader } from './recurrentReader.ts';
import type { Scorer } from './scoring.ts';
import type { SequenceReader } from './sequenceReader.ts';
import type { BatchSizes, SlotModel } from './slotModel.ts';
import { SlotsOneByOne } from './slotsOneByOne.ts';

/** What runs a model over the tokens of one sequence: from state to state, or with a cache of keys and values. */
export function sequenceReader(model: RunnableModel): SequenceReader {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return new RecurrentReader({ ...model, architecture });
    case 'cache':
      return new CachedReader({ ...model, architecture });
  }
}

/** What advances many sequences: together where their states allow it, else one after the other. */
export function slotModel(model: RunnableModel, sizes: BatchSizes): SlotModel {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return architecture.hasSlots
        ? new BatchedSlots({ ...model, architecture }, sizes)
        : new SlotsOneByOne(sequenceReader(model), sizes);
    case 'cache':
      return new SlotsOneByOne(sequenceReader(model), sizes);
  }
}

/** What scores texts: from copies of the states after their contexts, or by reading each text as a whole. */
export function scorerOf(model: RunnableModel): Scorer {
  const { architecture } = model;
  switch (architecture.memory) {
    case 'states':
      return architecture.hasSlots ? new ForkedScorer({ ...model, architecture }) : new PaddedScorer(model);
    case 'cache':
      return new PaddedScorer(model);
  }
}
