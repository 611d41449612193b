/**
 * The paper's claims, each with a verdict, the size of the effect, and the runs behind it, from the files in results/.
 * A verdict states what must hold for it; if the files no longer say so, writing the page fails.
 */
import type { Claim } from './claim.ts';
import { accelerator, fusedBitLinear, inference, noMultiplication } from './efficiency.ts';
import {
  recall,
  roundingCosts,
  scalingLaw,
  schedule,
  stableTraining,
  ternaryAttention,
  zeroShot,
} from './quality.ts';

/** In the order of the paper. */
export function claims(): readonly Claim[] {
  return [
    stableTraining(),
    ternaryAttention(),
    roundingCosts(),
    zeroShot(),
    scalingLaw(),
    fusedBitLinear(),
    inference(),
    schedule(),
    ...recall(),
    noMultiplication(),
    accelerator(),
  ];
}
