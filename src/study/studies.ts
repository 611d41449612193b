/** Every study by its name, loaded on demand: what draws figures is an optional package, and help needs none. */
import { InputError } from '../errors.ts';
import type { Study } from './study.ts';

interface Entry {
  /** One line. */
  readonly about: string;
  readonly load: () => Promise<Study>;
}

export const studies: Readonly<Record<string, Entry>> = {
  scaling: {
    about: 'loss against training operations for a ladder of sizes, and where families cross',
    load: async () => (await import('./scaling/scaling.ts')).scaling,
  },
  ladder: {
    about: 'loss by parameters and tokens, 1 to 39 million: what equal loss takes in each family',
    load: async () => (await import('./ladder/ladder.ts')).ladder,
  },
  'training-efficiency': {
    about: 'fused against plain BitLinear over batch sizes: time and memory of a training step',
    load: async () => (await import('./efficiency/trainingEfficiency.ts')).trainingEfficiency,
  },
  inference: {
    about: 'memory and latency of 2,048 tokens and of generating, 370M to 13B, random weights',
    load: async () => (await import('./inference/inferenceStudy.ts')).inferenceStudy,
  },
  operations: {
    about: 'additions, multiplications, bytes, energy and carbon of a token, counted from the programs',
    load: async () => (await import('./operations/operations.ts')).operations,
  },
  ablation: {
    about: "the paper's form against the released one, the lower bound, learning rates",
    load: async () => (await import('./ablation/ablation.ts')).ablation,
  },
  rounding: {
    about: 'ternary queries and keys; ternary and float weights under the MLGRU and attention',
    load: async () => (await import('./rounding/rounding.ts')).rounding,
  },
  'rounding-10m': {
    about: 'ternary queries and keys beside float ones and the MLGRU, 10.6 million parameters',
    load: async () => (await import('./rounding/rounding.ts')).rounding10M,
  },
  schedules: {
    about: "the learning rate over a run: constant, cosines, the paper's cosine halved midway",
    load: async () => (await import('./schedules/schedules.ts')).schedules,
  },
  recall: {
    about: 'associative recall by number of pairs, and loss by position: where a fixed state must lose',
    load: async () => (await import('./recall/recall.ts')).recall,
  },
};

/** @throws InputError for an unknown name */
export function findStudy(name: string): Promise<Study> {
  if (Object.hasOwn(studies, name)) return studies[name]!.load();
  throw new InputError(`study: found "${name}", expected one of ${Object.keys(studies).join(', ')}`);
}
