/**
 * The training step of one rank among several whose engines exchange variables by themselves: one program, with a mark
 * wherever an exchange begins. The engine's queue keeps the order, and the host waits once, at the end.
 */
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { clipOf, settingsInput, updateBy } from '../ops/adamw/adamw.ts';
import { assign, mark, output, record, transient } from '../program/record.ts';
import { part, type Tensor, variable } from '../program/tensor.ts';
import type { Bucket } from './buckets.ts';
import {
  emitGradients,
  type GradientShape,
  type GradientStep,
  type Gradients,
  ownParts,
  type PartMoments,
  squaresOfParts,
} from './sharedStep.ts';

export interface DeviceStep extends GradientStep {
  readonly settings: Tensor;
  /** Global norm and the factor that clipping applied [2]. */
  readonly clip: Tensor;
  /** Squares of this rank's part of the gradients [1], to be summed over all ranks at the mark `squared`. */
  readonly squares: Tensor;
  readonly squared: number;
  /** The buckets of which this rank's parts are updated at each mark after `squared`. */
  readonly updated: readonly (readonly Bucket[])[];
}

/** While ranks give one another the weights of some buckets, they update those of the next. */
const updates = 4;

export function recordDeviceStep(
  architecture: Architecture,
  weights: Weights,
  { buckets, rank, moments }: { buckets: readonly Bucket[]; rank: number; moments: Map<Bucket, PartMoments> },
  shape: GradientShape,
  decay: (spec: ParameterSpec) => number,
): DeviceStep {
  const settings = settingsInput();
  const squares = variable('squares', [1]);
  let gradients: Gradients | undefined;
  let clip: Tensor | undefined;
  let squared = 0;
  const updated = inTurns(buckets);
  const program = record('training step', () => {
    for (const bucket of buckets) transient(bucket.gradients);
    gradients = emitGradients(architecture, weights, buckets, shape);
    const isTrained = (spec: ParameterSpec) => gradients!.trained.has(spec);
    const turns = updated.map((some) => ownParts(some, rank, moments, isTrained, decay));
    assign(squares, squaresOfParts(new Map(turns.flatMap((own) => [...own.gradients]))));
    squared = mark();
    const ofAllRanks = part(squares, 0, [1], 'squares of all ranks'); // since the exchange at this mark
    clip = output(clipOf(ofAllRanks, settings));
    for (const own of turns) {
      updateBy(own.trained, (weight) => own.gradients.get(weight)!, settings, clip);
      mark();
    }
  });
  return { program, ...gradients!, settings, clip: clip!, squares, squared, updated };
}

/** The buckets in `updates` runs of about equal size, or in fewer. */
function inTurns(buckets: readonly Bucket[]): Bucket[][] {
  const share = buckets.reduce((sum, { size }) => sum + size, 0) / updates;
  const turns: Bucket[][] = [[]];
  let filled = 0;
  for (const bucket of buckets) {
    if (filled >= share * turns.length) turns.push([]);
    turns.at(-1)!.push(bucket);
    filled += bucket.size;
  }
  return turns;
}
