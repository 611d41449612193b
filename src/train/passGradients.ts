/**
 * Loss and gradients of one pass. Logits, tokens × vocabulary, are the largest tensor. The backward pass of the head
 * therefore follows its forward pass directly, in groups of rows if all would take too much memory; then the rest of
 * the model runs backward from the gradient of its last hidden state.
 */
import type { Architecture } from '../model/architecture.ts';
import { logitsInParts } from '../model/logits.ts';
import type { Weights } from '../model/weights.ts';
import { add } from '../ops/add/add.ts';
import { crossEntropy } from '../ops/crossEntropy/crossEntropy.ts';
import { fill } from '../ops/fill/fill.ts';
import { type BackwardOptions, backward } from '../ops/gradients.ts';
import type { Tensor } from '../program/tensor.ts';

/** Default maximum of bytes of logits at a time: enough rows to keep any device busy. */
export const defaultLogitBytes = 2 ** 28;

/** Token ids and labels [batch, length] i32 of a pass; negative labels are ignored. */
export interface PassInputs {
  readonly ids: Tensor;
  readonly labels: Tensor;
  /** Labels of this pass over those of the whole update [1]; absent where one pass is the update. */
  readonly share?: Tensor | undefined;
}

export interface Model {
  readonly architecture: Architecture;
  readonly weights: Weights;
}

export interface LossOptions {
  /** Maximum bytes of logits at a time. */
  readonly logitBytes?: number | undefined;
}

/**
 * Blocks whose activations are recomputed in the backward pass, so that only their outputs are stored: all, none, or the
 * first N, whose activations would be stored longest.
 */
export type Recompute = boolean | number;

export interface PassOptions extends LossOptions, Pick<BackwardOptions, 'onComplete'> {
  readonly recompute?: Recompute | undefined;
  /** Gradients of earlier passes. */
  readonly sums: ReadonlyMap<Tensor, Tensor>;
}

/**
 * Records a pass forward and backward: its mean loss [1], and the gradients of the parameters times the share of the
 * pass, added to `sums`.
 */
export function passGradients(
  model: Model,
  { ids, labels, share }: PassInputs,
  parameters: readonly Tensor[],
  { recompute = false, sums, onComplete, ...options }: PassOptions,
): { readonly loss: Tensor; readonly sums: ReadonlyMap<Tensor, Tensor> } {
  const { hidden } = model.architecture.forward(model.weights, ids);
  const last = hidden.at(-1)!;
  let reached = sums;
  const loss = lossOf(model, last, labels, options, (part) => {
    const seeds = new Map([[part, share ?? fill([1], 1)]]);
    reached = backward(seeds, [last, ...parameters], { sums: reached, leaves: [last] });
  });
  const seed = new Map([[last, reached.get(last)!]]);
  const ofHead = new Map([...reached].filter(([tensor]) => tensor !== last));
  const checkpoints = checkpointsOf(hidden, recompute);
  const rest = { sums: ofHead, checkpoints, ...(onComplete ? { onComplete } : {}) };
  return { loss, sums: backward(seed, parameters, rest) };
}

/** Hidden states to store: the embedding, then the output of each recomputed block. */
function checkpointsOf(hidden: readonly Tensor[], recompute: Recompute): readonly Tensor[] {
  if (typeof recompute === 'boolean') return recompute ? hidden : [];
  return recompute > 0 ? hidden.slice(0, recompute + 1) : [];
}

/**
 * The mean loss [1] of hidden states [batch, length, width] after the final norm.
 * @param then called with the loss of each part of the rows as soon as it is recorded; the parts add up to the mean
 */
export function lossOf(
  model: Model,
  hidden: Tensor,
  labels: Tensor,
  { logitBytes = defaultLogitBytes }: LossOptions = {},
  then: (part: Tensor) => void = () => {},
): Tensor {
  let loss: Tensor | undefined;
  for (const { logits, labels: ofRows } of logitsInParts(model, hidden, labels, logitBytes)) {
    const part = crossEntropy(logits, ofRows, 1, labels);
    then(part);
    loss = loss ? add(loss, part) : part;
  }
  return loss!;
}
