/** Training steps as programs: forward, backward, clipping and AdamW in one recording. */
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { adamw, settingsInput } from '../ops/adamw/adamw.ts';
import { output, type Program, record } from '../program/record.ts';
import { input, type Tensor, variable } from '../program/tensor.ts';
import { lossOf, type PassInputs, passGradients, type Recompute } from './passGradients.ts';

export type { PassInputs } from './passGradients.ts';

export interface StepShape {
  /** Sequences of one forward pass. */
  readonly batch: number;
  /** Tokens of a sequence. */
  readonly length: number;
  /** Forward and backward passes of one update: its loss is the mean over the labels of all of them. */
  readonly accumulation: number;
  readonly recompute?: Recompute;
  /** Maximum bytes of logits at a time. */
  readonly logitBytes?: number | undefined;
}

export interface TrainingStep {
  readonly program: Program;
  /** Of each accumulated pass. */
  readonly inputs: readonly PassInputs[];
  /** [8] f32: see `settingsVector`. */
  readonly settings: Tensor;
  /** Mean loss in nats of each pass before the update [1]. */
  readonly losses: readonly Tensor[];
  /** Global gradient norm, and the factor that clipping applied [2]. */
  readonly clip: Tensor;
  /** AdamW's moments by parameter name. */
  readonly moments: ReadonlyMap<string, { readonly m: Tensor; readonly v: Tensor }>;
}

/** `decay` gives the weight decay of a parameter. */
export function recordTrainingStep(
  architecture: Architecture,
  weights: Weights,
  shape: StepShape,
  decay: (spec: ParameterSpec) => number,
): TrainingStep {
  const { recompute, logitBytes } = shape;
  const specs = architecture.parameters();
  const parameters = specs.map(({ name }) => weights.get(name));
  const inputs = passInputs(shape);
  const settings = settingsInput();
  const moments = momentsOf(specs);
  const losses: Tensor[] = [];
  let clip: Tensor | undefined;
  const program = record('training step', () => {
    let sums: ReadonlyMap<Tensor, Tensor> = new Map();
    for (const pass of inputs) {
      const options = { recompute, logitBytes, sums };
      const done = passGradients({ architecture, weights }, pass, parameters, options);
      losses.push(output(done.loss));
      sums = done.sums;
    }
    // Parameters that do not reach the loss, as the lower bounds of a model with one layer, are not trained.
    const reached = specs.filter(({ name }) => sums.has(weights.get(name)));
    const trained = reached.map((spec) => ({
      weight: weights.get(spec.name),
      ...moments.get(spec.name)!,
      decay: decay(spec),
    }));
    clip = output(adamw(trained, (weight) => sums.get(weight)!, settings));
  });
  return { program, inputs, settings, losses, clip: clip!, moments };
}

/** @param allPasses of the update: more than `accumulation` where ranks share them */
export function passInputs(
  { batch, length, accumulation }: StepShape,
  allPasses = accumulation,
): PassInputs[] {
  return Array.from({ length: accumulation }, (_, i) => ({
    ids: input(`ids.${i}`, [batch, length], 'i32'),
    labels: input(`labels.${i}`, [batch, length], 'i32'),
    ...(allPasses > 1 ? { share: input(`share.${i}`, [1]) } : {}),
  }));
}

/** AdamW's moments by parameter name: `<parameter>.m` and `<parameter>.v`. */
export function momentsOf(specs: readonly ParameterSpec[]): Map<string, { m: Tensor; v: Tensor }> {
  return new Map(
    specs.map(({ name, shape }) => [
      name,
      { m: variable(`${name}.m`, shape), v: variable(`${name}.v`, shape) },
    ]),
  );
}

/** The mean loss of a batch without training: [batch, length] ids and labels → loss [1]. */
export function recordLoss(
  architecture: Architecture,
  weights: Weights,
  { batch, length, logitBytes }: Omit<StepShape, 'accumulation'>,
) {
  const ids = input('ids', [batch, length], 'i32');
  const labels = input('labels', [batch, length], 'i32');
  let loss: Tensor | undefined;
  const program = record('validation loss', () => {
    const { hidden } = architecture.forward(weights, ids);
    loss = output(lossOf({ architecture, weights }, hidden.at(-1)!, labels, { logitBytes }));
  });
  return { program, ids, labels, loss: loss! };
}
