/**
 * The training step of one rank among several, as two programs: one computes the gradients of its passes and notifies
 * the host of each complete bucket; the other updates the weights from the sums over all ranks.
 */
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { splitOfSum } from '../mpi/group.ts';
import { adamw, settingsInput, squaresOf, type Trained } from '../ops/adamw/adamw.ts';
import { add } from '../ops/add/add.ts';
import { fill } from '../ops/fill/fill.ts';
import type { OnComplete } from '../ops/gradients.ts';
import { assign, mark, output, type Program, record, recording } from '../program/record.ts';
import { input, part, type Tensor, variable } from '../program/tensor.ts';
import { type Bucket, type Member, runsOf } from './buckets.ts';
import { type PassInputs, passGradients } from './passGradients.ts';
import { passInputs, type StepShape } from './step.ts';

/** What is known of the gradients of this rank's passes once they are recorded. */
export interface Gradients {
  readonly inputs: readonly PassInputs[];
  /** Mean loss of each of this rank's passes [1]. */
  readonly losses: readonly Tensor[];
  /** The bucket that is complete at each mark. */
  readonly completed: readonly Bucket[];
  /** Parameters that reach the loss. */
  readonly trained: ReadonlySet<ParameterSpec>;
}

export interface GradientStep extends Gradients {
  readonly program: Program;
}

export interface GradientShape extends StepShape {
  /** Passes of all ranks; `accumulation` are those of this one. */
  readonly allPasses: number;
  /** Sum passes as a tree whose branches ranks can share: see `sumTree`. */
  readonly ordered: boolean;
}

export function recordGradients(...parts: Parameters<typeof emitGradients>): GradientStep {
  let gradients: Gradients | undefined;
  const program = record('gradients', () => {
    gradients = emitGradients(...parts);
  });
  return { program, ...gradients! };
}

/** Computes the gradients of all passes in the program being recorded, with a mark after each complete bucket. */
export function emitGradients(
  architecture: Architecture,
  weights: Weights,
  buckets: readonly Bucket[],
  shape: GradientShape,
): Gradients {
  const members = new Map(
    buckets.flatMap((bucket) => bucket.members.map((member) => [member.weight, member])),
  );
  const parameters = [...members.keys()];
  const inputs = passInputs(shape, shape.allPasses);
  const waiting = new Map(buckets.map((bucket) => [bucket, new Set<Member>(bucket.members)]));
  const completed: Bucket[] = [];
  const trained = new Set<ParameterSpec>();
  const finish = (bucket: Bucket) => {
    waiting.delete(bucket);
    completed.push(bucket);
    mark();
  };
  const deliver: OnComplete = (weight, gradient) => {
    const member = members.get(weight)!;
    // Two parameters may share one gradient; each needs its own copy.
    const taken = recording().assignments.has(gradient);
    assign(member.gradient, taken ? add(gradient, fill(gradient.shape, 0)) : gradient);
    trained.add(member.spec);
    for (const [bucket, missing] of waiting) {
      if (missing.delete(member) && missing.size === 0) finish(bucket);
    }
  };
  const { recompute, logitBytes } = shape;
  const pass: Pass = (of, sums, onComplete) => {
    const options = {
      recompute,
      logitBytes,
      sums,
      ...(onComplete ? { onComplete } : {}),
    };
    const done = passGradients({ architecture, weights }, of, parameters, options);
    losses.push(output(done.loss));
    return done.sums;
  };
  const losses: Tensor[] = [];
  (shape.ordered ? tree : chain)(inputs, pass, deliver);
  for (const bucket of [...waiting.keys()]) finish(bucket); // with parameters that do not reach the loss
  return { inputs, losses, completed, trained };
}

type Pass = (
  inputs: PassInputs,
  sums: ReadonlyMap<Tensor, Tensor>,
  onComplete?: OnComplete,
) => ReadonlyMap<Tensor, Tensor>;

/** One pass after the other adds to the sums. */
function chain(inputs: readonly PassInputs[], pass: Pass, deliver: OnComplete): void {
  let sums: ReadonlyMap<Tensor, Tensor> = new Map();
  for (const [index, of] of inputs.entries()) {
    sums = pass(of, sums, index === inputs.length - 1 ? deliver : undefined);
  }
}

/** Each pass by itself, summed in pairs, pairs of pairs and so on, as `sumTree` does. */
function tree(inputs: readonly PassInputs[], pass: Pass, deliver: OnComplete): void {
  if (inputs.length === 1) {
    pass(inputs[0]!, new Map(), deliver);
    return;
  }
  const split = splitOfSum(inputs.length);
  const left = new Map<Tensor, Tensor>();
  tree(inputs.slice(0, split), pass, (weight, gradient) => left.set(weight, gradient));
  tree(inputs.slice(split), pass, (weight, gradient) => deliver(weight, add(left.get(weight)!, gradient)));
}

export interface UpdateStep {
  readonly program: Program;
  readonly settings: Tensor;
  /** Global norm and the factor that clipping applied [2]. */
  readonly clip: Tensor;
}

/** Every rank updates everything. Moments lie by parameter name in `moments`. */
export function recordUpdate(
  members: readonly Member[],
  moments: ReadonlyMap<string, { readonly m: Tensor; readonly v: Tensor }>,
  decay: (spec: ParameterSpec) => number,
): UpdateStep {
  const settings = settingsInput();
  const gradient = new Map(members.map((member) => [member.weight, member.gradient]));
  const trained = members.map(({ spec, weight }) => ({
    ...{ weight, ...moments.get(spec.name)!, decay: decay(spec) },
  }));
  let clip: Tensor | undefined;
  const program = record('update', () => {
    clip = output(adamw(trained, (weight) => gradient.get(weight)!, settings));
  });
  return { program, settings, clip: clip! };
}

/** AdamW's moments of one rank's part of a bucket [partSize]. */
export interface PartMoments {
  readonly m: Tensor;
  readonly v: Tensor;
}

export function partMoments(bucket: Bucket, index: number): PartMoments {
  const of = (name: string) => variable(`moments.${index}.${name}`, [bucket.partSize]);
  return { m: of('m'), v: of('v') };
}

export interface PartUpdateStep extends UpdateStep {
  /** Squares of this rank's part of the gradients [1]; a program of its own. */
  readonly squares: { readonly program: Program; readonly sum: Tensor };
  /** Through which the host hands over the sum of squares of all ranks [1]. */
  readonly allSquares: Tensor;
}

/** This rank updates its part of each bucket. */
export function recordPartUpdate(
  buckets: readonly Bucket[],
  rank: number,
  moments: ReadonlyMap<Bucket, PartMoments>,
  isTrained: (spec: ParameterSpec) => boolean,
  decay: (spec: ParameterSpec) => number,
): PartUpdateStep {
  const settings = settingsInput();
  const allSquares = input('squares', [1]);
  const { trained, gradients } = ownParts(buckets, rank, moments, isTrained, decay);
  let [sum, clip]: (Tensor | undefined)[] = [];
  const squares = record('squares of gradients', () => {
    sum = output(squaresOfParts(gradients));
  });
  const program = record('update of a part', () => {
    clip = output(adamw(trained, (weight) => gradients.get(weight)!, settings, allSquares));
  });
  return { program, settings, clip: clip!, squares: { program: squares, sum: sum! }, allSquares };
}

/** What a rank updates: stretches of parameters in its part of each bucket, and the gradient of each. */
export function ownParts(
  buckets: readonly Bucket[],
  rank: number,
  moments: ReadonlyMap<Bucket, PartMoments>,
  isTrained: (spec: ParameterSpec) => boolean,
  decay: (spec: ParameterSpec) => number,
): { readonly trained: readonly Trained[]; readonly gradients: ReadonlyMap<Tensor, Tensor> } {
  const gradients = new Map<Tensor, Tensor>();
  const trained: Trained[] = [];
  for (const bucket of buckets) {
    const { m, v } = moments.get(bucket)!;
    for (const { member, first, end, inBucket, inPart } of runsOf(bucket, rank)) {
      if (!isTrained(member.spec)) continue;
      const { name } = member.spec;
      const weight = part(bucket.weights, inBucket, [end - first], `${name}.part`);
      gradients.set(weight, part(bucket.gradients, inBucket, [end - first], `${name}.gradient.part`));
      trained.push({
        ...{ weight, decay: decay(member.spec) },
        m: part(m, inPart, [end - first], `${name}.m.part`),
        v: part(v, inPart, [end - first], `${name}.v.part`),
      });
    }
  }
  return { trained, gradients };
}

/** Squares of a rank's gradients [1]; with many ranks and few parameters, a rank may have none. */
export function squaresOfParts(gradients: ReadonlyMap<Tensor, Tensor>): Tensor {
  return gradients.size > 0 ? squaresOf([...gradients.values()]) : fill([1], 0);
}
