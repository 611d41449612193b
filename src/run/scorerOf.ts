import { ForkedScoring } from './forkedScoring.ts';
import { PaddedScoring } from './paddedScoring.ts';
import type { ScoredModel, Scorer } from './scoring.ts';

/** What scores texts: from forked states, or by reading each text as a whole. */
export function scorerOf(model: ScoredModel): Scorer {
  return model.architecture.forwardSlots ? new ForkedScoring(model) : new PaddedScoring(model);
}
