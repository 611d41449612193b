/** Every study by its name. */
import { InputError } from '../errors.ts';
import { ablation } from './ablation/ablation.ts';
import { trainingEfficiency } from './efficiency/trainingEfficiency.ts';
import { inferenceStudy } from './inference/inferenceStudy.ts';
import { ladder } from './ladder/ladder.ts';
import { operations } from './operations/operations.ts';
import { recall } from './recall/recall.ts';
import { rounding, rounding10M } from './rounding/rounding.ts';
import { scaling } from './scaling/scaling.ts';
import { schedules } from './schedules/schedules.ts';
import type { Study } from './study.ts';

export const studies: readonly Study[] = [
  scaling,
  ladder,
  trainingEfficiency,
  inferenceStudy,
  operations,
  ablation,
  rounding,
  rounding10M,
  schedules,
  recall,
];

/** @throws InputError for an unknown name */
export function findStudy(name: string): Study {
  const study = studies.find((one) => one.name === name);
  if (study) return study;
  throw new InputError(
    `study: found "${name}", expected one of ${studies.map((one) => one.name).join(', ')}`,
  );
}
